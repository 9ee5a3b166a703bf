//! Queries of targets beyond reading and writing a row.

use std::{collections::HashSet, time::Duration};

use bin_common_handler::{
    StoredRow,
    databasehandler::{ChangeTx, Db, Entity, Value, list},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::models::{outdialtarget::OutdialTarget, refusals::Refusals};

/// Stuck targets looked at in one round.
const STUCK_MAX: i64 = 500;

/// A target that is held, with what its row knows beyond its wire form.
pub(crate) struct LockedTarget {
    pub(crate) target: OutdialTarget,
    pub(crate) refusals: Refusals,
    /// The database's clock.
    pub(crate) now: Timestamp,
}

#[derive(bin_common_handler::FromRow)]
struct LockedRow {
    #[row(flatten)]
    target: OutdialTarget,
    refusals: i32,
    refused_until: Option<i64>,
    winner: Option<String>,
    refused: Option<String>,
    db_now: i64,
}

/// Reads a target and holds it until the end of the transaction.
pub(crate) async fn lock(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<Option<LockedTarget>> {
    let dialect = tx.sql().dialect();
    let sql = format!(
        "SELECT {}, refusals, refused_until, winner, refused, {} AS db_now FROM outdial_outdialtargets WHERE id = ?{}",
        OutdialTarget::COLUMNS.join(", "),
        dialect.now_micros(),
        dialect.for_update()
    );
    let row: Option<LockedRow> = tx.sql().fetch_optional(&sql, vec![id.into()]).await?;
    Ok(row.map(|row| LockedTarget {
        target: row.target,
        refusals: Refusals {
            open: row.refusals,
            until: row.refused_until,
            winner: row.winner,
            refused: row.refused,
        },
        now: Timestamp::from_micros(row.db_now),
    }))
}

/// Writes what can change of a locked target; `winner` is who calls it now, where the transport tells. Its
/// lease ends with the change; refusals do not, for their `idle` is still to come.
pub(crate) async fn update(
    tx: &mut ChangeTx<'_>,
    target: &OutdialTarget,
    winner: Option<&str>,
) -> Result<()> {
    let sql = "UPDATE outdial_outdialtargets SET status = ?, \
               try_count_0 = ?, try_count_1 = ?, try_count_2 = ?, try_count_3 = ?, try_count_4 = ?, \
               tm_update = ?, tm_delete = ?, lease_until = NULL, winner = ? WHERE id = ?";
    let values = vec![
        target.status.into(),
        target.try_count_0.into(),
        target.try_count_1.into(),
        target.try_count_2.into(),
        target.try_count_3.into(),
        target.try_count_4.into(),
        target.tm_update.into(),
        target.tm_delete.into(),
        winner.into(),
        target.id.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Remembers for `guard` that a caller was refused.
pub(crate) async fn note_refusal(
    tx: &mut ChangeTx<'_>,
    id: Uuid,
    guard: Duration,
    caller: Option<&str>,
) -> Result<()> {
    let now = tx.sql().dialect().now_micros();
    // Refusals whose time is over count no more; the assignments see the old values in this order. That the
    // winner's own channel was refused is not forgotten for another one.
    let sql = format!(
        "UPDATE outdial_outdialtargets SET \
         refused = CASE WHEN refusals > 0 AND refused_until > {now} AND refused = winner \
         THEN refused ELSE ? END, \
         refusals = CASE WHEN refused_until > {now} THEN refusals + 1 ELSE 1 END, \
         refused_until = {now} + ? WHERE id = ?"
    );
    tx.sql()
        .execute(&sql, vec![caller.into(), micros(guard), id.into()])
        .await?;
    Ok(())
}

/// One `idle` of a refused caller has come.
pub(crate) async fn swallow(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<()> {
    let sql = "UPDATE outdial_outdialtargets SET refusals = refusals - 1 WHERE id = ?";
    tx.sql().execute(sql, vec![id.into()]).await?;
    Ok(())
}

#[derive(StoredRow)]
#[entity(table = "outdial_outdialtargets")]
struct Key {
    import_key: String,
}

/// Which of these keys the outdial's targets have.
pub(crate) async fn known_keys(
    tx: &mut ChangeTx<'_>,
    outdial_id: Uuid,
    keys: Vec<String>,
) -> Result<HashSet<String>> {
    let (marks, keys) = list(keys);
    let sql = format!(
        "SELECT import_key FROM outdial_outdialtargets WHERE outdial_id = ? AND import_key IN ({marks})"
    );
    let values = std::iter::once(outdial_id.into()).chain(keys).collect();
    let rows: Vec<Key> = tx.sql().fetch_all(&sql, values).await?;
    Ok(rows.into_iter().map(|row| row.import_key).collect())
}

#[derive(bin_common_handler::FromRow)]
struct Now {
    db_now: i64,
}

#[derive(StoredRow)]
#[entity(table = "outdial_outdialtargets")]
struct Id {
    id: Uuid,
}

/// Targets that have been progressing for longer than `timeout`, by the database's clock.
pub(crate) async fn stuck(db: &Db, timeout: Duration) -> Result<Vec<Uuid>> {
    let now: Option<Now> = db
        .fetch_optional(
            &format!("SELECT {} AS db_now", db.dialect().now_micros()),
            vec![],
        )
        .await?;
    let Some(Now { db_now }) = now else {
        return Ok(Vec::new());
    };
    let before = Timestamp::from_micros(db_now).minus(timeout);
    let select =
        "SELECT id FROM outdial_outdialtargets WHERE status = 'progressing' AND tm_delete IS NULL";
    // A row that others wrote may not say when it was changed.
    let sql = format!(
        "SELECT id FROM ({select} AND tm_update < ? ORDER BY tm_update LIMIT ?) AS changed \
         UNION ALL \
         SELECT id FROM ({select} AND tm_update IS NULL AND tm_create < ? LIMIT ?) AS unchanged"
    );
    let values = vec![
        before.into(),
        Value::Int(STUCK_MAX),
        before.into(),
        Value::Int(STUCK_MAX),
    ];
    let rows: Vec<Id> = db.fetch_all(&sql, values).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// A new target with the key that it was imported under.
#[derive(Debug, Clone, serde::Serialize, bin_common_handler::FromRow)]
pub(crate) struct KeyedTarget {
    #[row(flatten)]
    #[serde(flatten)]
    pub(crate) target: OutdialTarget,
    #[row(rename = "import_key")]
    #[serde(skip)]
    pub(crate) key: Option<String>,
}

/// The columns of a target and one more.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const KEYED_COLUMNS: [&str; OutdialTarget::COLUMNS.len() + 1] = {
    let mut columns = ["import_key"; OutdialTarget::COLUMNS.len() + 1];
    let mut position = 0;
    while position < OutdialTarget::COLUMNS.len() {
        columns[position] = OutdialTarget::COLUMNS[position];
        position += 1;
    }
    columns
};

impl Entity for KeyedTarget {
    const TABLE: &'static str = OutdialTarget::TABLE;
    const COLUMNS: &'static [&'static str] = &KEYED_COLUMNS;

    fn values(&self) -> Vec<Value> {
        let mut values = self.target.values();
        values.push(self.key.clone().into());
        values
    }

    fn id(&self) -> Uuid {
        self.target.id
    }

    fn version(&self) -> Timestamp {
        self.target.tm_update
    }
}

pub(super) fn micros(time: Duration) -> Value {
    Value::Int(i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
}
