//! Deletes rows that are of no use any more, and forgets who called, a few rows at a time.

use bin_common_handler::{
    databasehandler::{Db, Id, Value, list},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

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

/// Takes the caller's number out of calls at businesses' numbers that came before `until`.
///
/// # Errors
/// 503.
pub(crate) async fn forget_callers(db: &Db, until: Timestamp) -> Result<()> {
    let mut after = Uuid::nil();
    for _ in 0..ROUNDS_MAX {
        let sql = "SELECT id FROM exchange_inbound_calls \
                   WHERE id > ? AND tm_create < ? AND from_number <> '' ORDER BY id LIMIT ?";
        let values: Vec<Value> = vec![after.into(), until.into(), ROWS_MAX.into()];
        let found: Vec<Id> = db.fetch_all(sql, values).await?;
        let Some(last) = found.last() else {
            break;
        };
        after = last.id;
        let (marks, values) = list(found.iter().map(|row| row.id));
        let sql =
            format!("UPDATE exchange_inbound_calls SET from_number = '' WHERE id IN ({marks})");
        db.execute(&sql, values).await?;
    }
    Ok(())
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
