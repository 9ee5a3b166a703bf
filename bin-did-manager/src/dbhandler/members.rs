//! Which numbers are in which pool.

use std::collections::HashMap;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Entity, Id, Value, list},
    models::error::Result,
};
use sqlx::Error as SqlError;
use uuid::Uuid;

use crate::models::did::Did;

const ROWS_MAX: usize = 500;

#[derive(bin_common_handler::FromRow)]
struct Count {
    count: i64,
}

/// Those of `dids` that are live numbers of the tenant.
pub(crate) async fn owned(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    dids: &[Uuid],
) -> Result<Vec<Uuid>> {
    let mut found = Vec::with_capacity(dids.len());
    for ids in dids.chunks(ROWS_MAX) {
        let (marks, ids) = list(ids.iter().copied());
        let sql = format!(
            "SELECT id FROM did_dids WHERE customer_id = ? AND tm_delete IS NULL AND id IN ({marks})"
        );
        let mut bound = vec![customer_id.into()];
        bound.extend(ids);
        let rows: Vec<Id> = tx.sql().fetch_all(&sql, bound).await?;
        found.extend(rows.into_iter().map(|row| row.id));
    }
    Ok(found)
}

/// Puts numbers into a pool; those that are in it stay.
pub(crate) async fn add(tx: &mut ChangeTx<'_>, pool: Uuid, dids: &[Uuid]) -> Result<()> {
    for ids in dids.chunks(ROWS_MAX) {
        let groups = vec!["(?, ?)"; ids.len()].join(", ");
        let sql = format!("REPLACE INTO did_didpool_members (didpool_id, did_id) VALUES {groups}");
        let bound = ids
            .iter()
            .flat_map(|id| [Value::from(pool), Value::from(*id)])
            .collect();
        tx.sql().execute(&sql, bound).await?;
    }
    Ok(())
}

/// Takes numbers out of a pool.
pub(crate) async fn remove(tx: &mut ChangeTx<'_>, pool: Uuid, dids: &[Uuid]) -> Result<()> {
    for ids in dids.chunks(ROWS_MAX) {
        let (marks, ids) = list(ids.iter().copied());
        let sql =
            format!("DELETE FROM did_didpool_members WHERE didpool_id = ? AND did_id IN ({marks})");
        let mut bound = vec![pool.into()];
        bound.extend(ids);
        tx.sql().execute(&sql, bound).await?;
    }
    Ok(())
}

/// Takes every number out of a pool.
pub(crate) async fn clear(tx: &mut ChangeTx<'_>, pool: Uuid) -> Result<()> {
    let sql = "DELETE FROM did_didpool_members WHERE didpool_id = ?";
    tx.sql().execute(sql, vec![pool.into()]).await?;
    Ok(())
}

/// All numbers of a pool, deleted ones too.
pub(crate) async fn all(db: &Db, pool: Uuid) -> Result<Vec<Uuid>, SqlError> {
    let sql = "SELECT did_id AS id FROM did_didpool_members WHERE didpool_id = ?";
    let rows: Vec<Id> = db.fetch_all(sql, vec![pool.into()]).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

const PAGE: &str = "SELECT m.did_id AS id FROM did_didpool_members m JOIN did_dids d ON d.id = m.did_id \
     WHERE m.didpool_id = ? AND m.did_id > ? AND d.tm_delete IS NULL ORDER BY m.did_id LIMIT ?";
const COUNT: &str = "SELECT COUNT(*) AS count FROM did_didpool_members m JOIN did_dids d ON d.id = m.did_id \
     WHERE m.didpool_id = ? AND d.tm_delete IS NULL";

/// The first `limit` live numbers of a pool after `after`, in the order of their ids.
pub(crate) async fn page(
    db: &Db,
    pool: Uuid,
    after: Uuid,
    limit: u32,
) -> Result<Vec<Uuid>, SqlError> {
    let rows: Vec<Id> = db
        .fetch_all(PAGE, vec![pool.into(), after.into(), limit.into()])
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// How many live numbers a pool has.
pub(crate) async fn count(db: &Db, pool: Uuid) -> Result<i64, SqlError> {
    let row: Option<Count> = db.fetch_optional(COUNT, vec![pool.into()]).await?;
    Ok(row.map_or(0, |row| row.count))
}

#[derive(bin_common_handler::FromRow)]
struct PoolCount {
    didpool_id: Uuid,
    count: i64,
}

/// How many live numbers each of these pools has; those without any are left out.
pub(crate) async fn counts(db: &Db, pools: &[Uuid]) -> Result<HashMap<Uuid, i64>, SqlError> {
    let mut found = HashMap::with_capacity(pools.len());
    for pools in pools.chunks(ROWS_MAX) {
        let (marks, values) = list(pools.iter().copied());
        let sql = format!(
            "SELECT m.didpool_id, COUNT(*) AS count \
             FROM did_didpool_members m JOIN did_dids d ON d.id = m.did_id \
             WHERE m.didpool_id IN ({marks}) AND d.tm_delete IS NULL GROUP BY m.didpool_id"
        );
        let rows: Vec<PoolCount> = db.fetch_all(&sql, values).await?;
        found.extend(rows.into_iter().map(|row| (row.didpool_id, row.count)));
    }
    Ok(found)
}

/// As [`page`], the numbers themselves.
pub(crate) async fn dids(
    db: &Db,
    pool: Uuid,
    after: Uuid,
    limit: u32,
) -> Result<Vec<Did>, SqlError> {
    let columns: Vec<_> = Did::COLUMNS.iter().map(|it| format!("d.{it}")).collect();
    let sql = format!(
        "SELECT {} FROM did_didpool_members m JOIN did_dids d ON d.id = m.did_id \
         WHERE m.didpool_id = ? AND m.did_id > ? AND d.tm_delete IS NULL ORDER BY m.did_id LIMIT ?",
        columns.join(", ")
    );
    db.fetch_all(&sql, vec![pool.into(), after.into(), limit.into()])
        .await
}

/// How many live numbers a pool has with this change, and the first `limit` of them.
pub(crate) async fn changed(
    tx: &mut ChangeTx<'_>,
    pool: Uuid,
    limit: u32,
) -> Result<(i64, Vec<Uuid>)> {
    let count: Option<Count> = tx.sql().fetch_optional(COUNT, vec![pool.into()]).await?;
    let values = vec![pool.into(), Uuid::nil().into(), limit.into()];
    let rows: Vec<Id> = tx.sql().fetch_all(PAGE, values).await?;
    let ids = rows.into_iter().map(|row| row.id).collect();
    Ok((count.map_or(0, |row| row.count), ids))
}
