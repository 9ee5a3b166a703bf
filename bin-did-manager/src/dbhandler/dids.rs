//! SQL of numbers beyond their store: what changed, what ended, which are known, how they stand.

use std::collections::HashMap;

use bin_common_handler::{
    StoredRow,
    databasehandler::{ChangeTx, Db, Id, list},
    models::{error::Result, time::Timestamp},
};
use sqlx::Error as SqlError;
use uuid::Uuid;

use crate::{
    models::{did::Did, didstatus::DidStatus},
    phone::E164,
};

/// Numbers looked up by one statement.
const NUMBERS_PER_QUERY: usize = 500;

/// A tenant's numbers, deleted ones too, that follow a version and an id, in their order.
pub(crate) async fn changed_after(
    db: &Db,
    customer_id: Uuid,
    (seq, id): (i64, Uuid),
    limit: u32,
) -> Result<Vec<Did>, SqlError> {
    let tail =
        "WHERE customer_id = ? AND (seq > ? OR (seq = ? AND id > ?)) ORDER BY seq, id LIMIT ?";
    let values = vec![
        customer_id.into(),
        seq.into(),
        seq.into(),
        id.into(),
        limit.into(),
    ];
    db.select(tail, values).await
}

/// Live numbers of all tenants whose status has ended by `now`, those first that ended first.
pub(crate) async fn ended(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<Uuid>, SqlError> {
    let sql =
        "SELECT id FROM did_dids WHERE until <= ? AND tm_delete IS NULL ORDER BY until LIMIT ?";
    let rows: Vec<Id> = db.fetch_all(sql, vec![now.into(), limit.into()]).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

#[derive(bin_common_handler::FromRow)]
struct Known {
    id: Uuid,
    number: String,
}

/// The ids of those of `numbers` that are live numbers of the tenant.
///
/// # Errors
/// 503.
pub(crate) async fn known(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    numbers: &[E164],
) -> Result<HashMap<String, Uuid>> {
    let mut known = HashMap::new();
    for some in numbers.chunks(NUMBERS_PER_QUERY) {
        let (marks, numbers) = list(some.iter().map(E164::as_str));
        let sql = format!(
            "SELECT id, number FROM did_dids WHERE customer_id = ? AND tm_delete IS NULL AND number IN ({marks})"
        );
        let mut values = vec![customer_id.into()];
        values.extend(numbers);
        let rows: Vec<Known> = tx.sql().fetch_all(&sql, values).await?;
        known.extend(rows.into_iter().map(|row| (row.number, row.id)));
    }
    Ok(known)
}

/// What a live number can still take today is told by this.
#[derive(Debug, Clone, StoredRow)]
#[entity(table = "did_dids")]
pub(crate) struct Standing {
    pub status: DidStatus,
    pub until: Option<Timestamp>,
    pub tm_status: Timestamp,
    pub daily_cap: Option<i32>,
    pub day_start: Option<i64>,
    pub day_count: Option<i32>,
}

/// How all live numbers of a tenant stand.
pub(crate) async fn standings(db: &Db, customer_id: Uuid) -> Result<Vec<Standing>, SqlError> {
    let sql = "SELECT d.status, d.until, d.tm_status, d.daily_cap, s.day_start, s.day_count \
               FROM did_dids d LEFT JOIN did_states s ON s.did_id = d.id \
               WHERE d.customer_id = ? AND d.tm_delete IS NULL";
    db.fetch_all(sql, vec![customer_id.into()]).await
}
