//! When it was last said that a pool has nothing to give: once an hour, whatever the replicas.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use uuid::Uuid;

/// Notes that it is said now; false when it was said in this hour.
pub(crate) async fn note(tx: &mut ChangeTx<'_>, pool: Uuid, hour_start: i64) -> Result<bool> {
    let sql =
        "UPDATE did_pool_exhaustions SET hour_start = ? WHERE didpool_id = ? AND hour_start < ?";
    let values = vec![hour_start.into(), pool.into(), hour_start.into()];
    if tx.sql().execute(sql, values).await? > 0 {
        return Ok(true);
    }
    let sql = "INSERT INTO did_pool_exhaustions (didpool_id, hour_start) VALUES (?, ?)";
    match tx
        .sql()
        .execute(sql, vec![pool.into(), hour_start.into()])
        .await
    {
        Ok(_) => Ok(true),
        Err(error)
            if error
                .as_database_error()
                .is_some_and(|e| e.is_unique_violation()) =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
