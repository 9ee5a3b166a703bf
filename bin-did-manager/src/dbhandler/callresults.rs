//! SQL of results whose call is not known: forgetting the old ones.

use bin_common_handler::{
    databasehandler::{Db, Id, list},
    models::time::Timestamp,
};
use sqlx::Error as SqlError;

/// Deletes at most `limit` results from before `end`, the oldest first; whether there were any.
pub(crate) async fn delete_before(db: &Db, end: Timestamp, limit: i64) -> Result<bool, SqlError> {
    let sql = "SELECT id FROM did_callresults WHERE tm_create < ? ORDER BY tm_create LIMIT ?";
    let rows: Vec<Id> = db.fetch_all(sql, vec![end.into(), limit.into()]).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let (marks, ids) = list(rows.into_iter().map(|row| row.id));
    let sql = format!("DELETE FROM did_callresults WHERE id IN ({marks})");
    db.execute(&sql, ids).await?;
    Ok(true)
}
