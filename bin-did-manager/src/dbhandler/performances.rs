//! SQL of performances: how the calls of each number went, ever and of late.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value},
    models::error::Result,
};
use sqlx::Error as SqlError;
use uuid::Uuid;

use super::rollups::upsert;
use crate::{
    models::performance::{Performance, Tally},
    phone::E164,
};

const COLUMNS: [&str; 7] = [
    "calls",
    "answered",
    "human",
    "duration_seconds",
    "recent_calls",
    "recent_answered",
    "recent_blocked",
];

/// Adds to a number's figures and holds them; what they are then.
pub(crate) async fn add(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    did_id: Uuid,
    change: &Tally,
) -> Result<Performance> {
    let dialect = tx.sql().dialect();
    let sql = format!(
        "INSERT INTO did_performances (customer_id, did_id, {}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) {}",
        COLUMNS.join(", "),
        upsert(dialect, "customer_id, did_id", &COLUMNS)
    );
    let values = vec![
        customer_id.into(),
        did_id.into(),
        change.calls.into(),
        change.answered.into(),
        change.human.into(),
        change.duration_seconds.into(),
        change.calls.into(),
        change.answered.into(),
        change.blocked.into(),
    ];
    tx.sql().execute(&sql, values).await?;
    let now = get(tx, customer_id, did_id).await?;
    Ok(now.unwrap_or_default())
}

/// A number's figures.
pub(crate) async fn get(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    did_id: Uuid,
) -> Result<Option<Performance>> {
    let sql = format!(
        "SELECT {}, reputation FROM did_performances WHERE customer_id = ? AND did_id = ?",
        COLUMNS.join(", ")
    );
    let values = vec![customer_id.into(), did_id.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// Writes what changes beside the sums.
pub(crate) async fn update(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    did_id: Uuid,
    now: &Performance,
) -> Result<()> {
    let sql = "UPDATE did_performances \
               SET recent_calls = ?, recent_answered = ?, recent_blocked = ?, reputation = ? \
               WHERE customer_id = ? AND did_id = ?";
    let values: Vec<Value> = vec![
        now.recent_calls.into(),
        now.recent_answered.into(),
        now.recent_blocked.into(),
        now.reputation.into(),
        customer_id.into(),
        did_id.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Calls and answered calls of each of a tenant's numbers.
#[derive(Debug, Clone, Copy, bin_common_handler::FromRow)]
pub(crate) struct Record {
    pub did_id: Uuid,
    pub calls: i64,
    pub answered: i64,
}

/// The records of all of a tenant's numbers.
pub(crate) async fn of_customer(db: &Db, customer_id: Uuid) -> Result<Vec<Record>, SqlError> {
    let sql = "SELECT did_id, calls, answered FROM did_performances WHERE customer_id = ?";
    db.fetch_all(sql, vec![customer_id.into()]).await
}

/// The figures of a live number, by the number itself.
pub(crate) async fn of_number(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    number: &E164,
) -> Result<Option<Performance>> {
    let columns: Vec<_> = COLUMNS.iter().map(|column| format!("p.{column}")).collect();
    let sql = format!(
        "SELECT {}, p.reputation FROM did_dids d \
         JOIN did_performances p ON p.customer_id = d.customer_id AND p.did_id = d.id \
         WHERE d.customer_id = ? AND d.number = ? AND d.tm_delete IS NULL",
        columns.join(", ")
    );
    let values = vec![customer_id.into(), number.as_str().into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}
