//! Deletes rows that are of no use any more, a few at a time.

use bin_common_handler::{
    databasehandler::{Db, Value},
    models::{error::Result, time::Timestamp},
};

/// Rows that one transaction deletes, and transactions of one look.
const ROWS_MAX: i64 = 500;
const ROUNDS_MAX: u32 = 100;

/// Rows of no call whose time in `column` was before `until`.
///
/// # Errors
/// 503.
pub(crate) async fn of_no_call(
    db: &Db,
    table: &'static str,
    column: &'static str,
    until: Timestamp,
) -> Result<()> {
    let which = format!("call_id IS NULL AND {column} < ?");
    delete(db, table, "id", &which, until).await
}

/// Rows that expired before `until`, known by `key`.
///
/// # Errors
/// 503.
pub(crate) async fn expired(
    db: &Db,
    table: &'static str,
    key: &'static str,
    until: Timestamp,
) -> Result<()> {
    delete(db, table, key, "expires < ?", until).await
}

async fn delete(db: &Db, table: &str, key: &str, which: &str, until: Timestamp) -> Result<()> {
    // Both databases take a limit only within a table of its own.
    let sql = format!(
        "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM (\
         SELECT {key} FROM {table} WHERE {which} LIMIT ?) AS old)"
    );
    for _ in 0..ROUNDS_MAX {
        let values: Vec<Value> = vec![until.into(), ROWS_MAX.into()];
        let deleted = db.execute(&sql, values).await?;
        if deleted < u64::try_from(ROWS_MAX).unwrap_or_default() {
            break;
        }
    }
    Ok(())
}
