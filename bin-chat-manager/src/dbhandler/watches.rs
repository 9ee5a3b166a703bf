//! What is known of a figure between two looks at it: a row for each that is, or was lately, too high.

use std::collections::HashMap;

use bin_common_handler::{
    StoredRow,
    databasehandler::{ChangeTx, Db, Dialect, Value},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::figures::alarm::{Metric, Watch};

/// Businesses that one look is for.
const BUSINESSES_MAX: u32 = 10_000;

/// Which figure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Nil for the installation's.
    pub customer_id: Uuid,
    pub metric: Metric,
    /// What it is about; nil for all of the tenant's.
    pub entity_id: Uuid,
}

impl Key {
    fn values(self) -> Vec<Value> {
        vec![
            self.customer_id.into(),
            self.metric.into(),
            self.entity_id.into(),
        ]
    }
}

/// A watch, and the alert that stands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Watched {
    pub watch: Watch,
    pub alert_id: Uuid,
}

#[derive(StoredRow)]
#[entity(table = "chat_alert_watches")]
struct Row {
    alert_id: Uuid,
    since: Option<i64>,
    last: Option<i64>,
    stands: bool,
}

impl From<Row> for Watched {
    fn from(row: Row) -> Self {
        Self {
            watch: Watch {
                since: row.since.map(Timestamp::from_micros),
                last: row.last.map(Timestamp::from_micros),
                stands: row.stands,
            },
            alert_id: row.alert_id,
        }
    }
}

const SELECT: &str = "SELECT alert_id, since, `last`, stands FROM chat_alert_watches \
                      WHERE customer_id = ? AND metric = ? AND entity_id = ?";

/// Whether anything is known of a figure.
///
/// # Errors
/// 503.
pub(crate) async fn is_known(db: &Db, key: Key) -> Result<bool> {
    let found: Option<Row> = db.fetch_optional(SELECT, key.values()).await?;
    Ok(found.is_some())
}

/// The same inside a transaction; nothing is held.
///
/// # Errors
/// 503.
pub(crate) async fn is_watched(tx: &mut ChangeTx<'_>, key: Key) -> Result<bool> {
    let found: Option<Row> = tx.sql().fetch_optional(SELECT, key.values()).await?;
    Ok(found.is_some())
}

/// Holds what is known of a figure until the end of the transaction; a row is made where there was none.
///
/// # Errors
/// 503.
pub(crate) async fn lock(tx: &mut ChangeTx<'_>, key: Key) -> Result<Watched> {
    let sql = format!("{SELECT}{}", tx.sql().dialect().for_update());
    let found: Option<Row> = tx.sql().fetch_optional(&sql, key.values()).await?;
    if let Some(row) = found {
        return Ok(row.into());
    }
    let insert = match tx.sql().dialect() {
        Dialect::MySql => "INSERT IGNORE",
        Dialect::Sqlite => "INSERT OR IGNORE",
    };
    let make = format!(
        "{insert} INTO chat_alert_watches (customer_id, metric, entity_id, alert_id, stands) \
         VALUES (?, ?, ?, ?, ?)"
    );
    let mut values = key.values();
    values.extend([Uuid::nil().into(), false.into()]);
    tx.sql().execute(&make, values).await?;
    let found: Option<Row> = tx.sql().fetch_optional(&sql, key.values()).await?;
    Ok(found.map(Watched::from).unwrap_or_default())
}

/// Keeps what is known of a figure.
///
/// # Errors
/// 503.
pub(crate) async fn save(tx: &mut ChangeTx<'_>, key: Key, watched: Watched) -> Result<()> {
    let micros = |at: Option<Timestamp>| at.map(Timestamp::micros);
    let sql = "REPLACE INTO chat_alert_watches \
               (customer_id, metric, entity_id, alert_id, since, `last`, stands) \
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let mut values = key.values();
    values.extend([
        watched.alert_id.into(),
        micros(watched.watch.since).into(),
        micros(watched.watch.last).into(),
        watched.watch.stands.into(),
    ]);
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Forgets a figure.
///
/// # Errors
/// 503.
pub(crate) async fn forget(tx: &mut ChangeTx<'_>, key: Key) -> Result<()> {
    let sql =
        "DELETE FROM chat_alert_watches WHERE customer_id = ? AND metric = ? AND entity_id = ?";
    tx.sql().execute(sql, key.values()).await?;
    Ok(())
}

/// Businesses of which something is known of a metric.
///
/// # Errors
/// 503.
pub(crate) async fn businesses(db: &Db, metric: Metric) -> Result<Vec<Uuid>> {
    #[derive(bin_common_handler::FromRow)]
    struct Found {
        customer_id: Uuid,
    }
    let sql = format!(
        "SELECT DISTINCT customer_id FROM chat_alert_watches WHERE metric = ? LIMIT {BUSINESSES_MAX}"
    );
    let found: Vec<Found> = db.fetch_all(&sql, vec![metric.into()]).await?;
    Ok(found.into_iter().map(|found| found.customer_id).collect())
}

/// How many alerts of a metric began since then, by business.
///
/// # Errors
/// 503.
pub(crate) async fn alerts_since(
    db: &Db,
    metric: Metric,
    since: Timestamp,
) -> Result<HashMap<Uuid, i64>> {
    #[derive(bin_common_handler::FromRow)]
    struct Found {
        customer_id: Uuid,
        n: i64,
    }
    let sql = format!(
        "SELECT customer_id, COUNT(*) AS n FROM chat_alerts WHERE metric = ? AND tm_create >= ? \
         GROUP BY customer_id LIMIT {BUSINESSES_MAX}"
    );
    let values = vec![metric.into(), since.into()];
    let found: Vec<Found> = db.fetch_all(&sql, values).await?;
    let counts = found.into_iter().map(|found| (found.customer_id, found.n));
    Ok(counts.collect())
}
