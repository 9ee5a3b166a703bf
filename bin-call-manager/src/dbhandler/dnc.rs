//! Imported lists: their rows, and the blocks of numbers behind them.

use std::time::Duration;

use bin_common_handler::{
    databasehandler::{ChangeTx, Entity, Reader, list},
    ids,
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::models::{dncentry::DncKind, dnclist::DncList};

/// Lists that one customer has at most: one for each state, and a few.
const LISTS_MAX: i64 = 200;
/// Blocks that one statement reads.
const BLOCKS_PER_QUERY: i64 = 50;
/// Blocks that one transaction deletes.
pub(crate) const SWEPT_AT_ONCE: usize = 500;
/// An import that is not finished after so long is given up.
pub(crate) const IMPORT_AGE_MAX: Duration = Duration::from_secs(7 * 86_400);
/// MariaDB's sum of integers is a decimal.
const SUM: &str = "CAST(COALESCE(SUM(numbers), 0) AS SIGNED)";

/// A part of an import.
#[derive(bin_common_handler::FromRow)]
pub(crate) struct Block {
    pub id: Uuid,
    pub bitmap: Vec<u8>,
}

#[derive(bin_common_handler::FromRow)]
struct Sum {
    numbers: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Id {
    id: Uuid,
}

/// Every imported list of a customer.
///
/// # Errors
/// 503.
pub(crate) async fn lists(reader: &mut Reader<'_>, customer_id: Uuid) -> Result<Vec<DncList>> {
    let sql = format!(
        "SELECT {} FROM {} WHERE customer_id = ? AND import_id IS NOT NULL LIMIT ?",
        DncList::COLUMNS.join(", "),
        DncList::TABLE,
    );
    reader
        .fetch_all(&sql, vec![customer_id.into(), LISTS_MAX.into()])
        .await
}

/// The list of a kind and a state, held until the end of the transaction.
///
/// # Errors
/// 503.
pub(crate) async fn lock_list(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    kind: DncKind,
    state: &str,
) -> Result<Option<DncList>> {
    let locking = tx.sql().dialect().for_update();
    let sql = format!(
        "SELECT {} FROM {} WHERE customer_id = ? AND list = ? AND state = ?{locking}",
        DncList::COLUMNS.join(", "),
        DncList::TABLE,
    );
    let values = vec![customer_id.into(), kind.as_str().into(), state.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// What is written of a part.
pub(crate) struct NewBlock {
    pub import_id: Uuid,
    pub block: i64,
    pub numbers: i64,
    pub bitmap: Vec<u8>,
}

/// Adds a part to an import.
///
/// # Errors
/// 503.
pub(crate) async fn add_block(tx: &mut ChangeTx<'_>, list: &DncList, new: NewBlock) -> Result<()> {
    let sql = "INSERT INTO exchange_dnc_blocks \
        (id, customer_id, dnc_list_id, import_id, block, numbers, bitmap, tm_create) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let values = vec![
        ids::next().into(),
        list.customer_id.into(),
        list.id.into(),
        new.import_id.into(),
        new.block.into(),
        new.numbers.into(),
        new.bitmap.into(),
        tx.now().into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Numbers of all parts of an import.
///
/// # Errors
/// 503.
pub(crate) async fn numbers_of(
    tx: &mut ChangeTx<'_>,
    list: &DncList,
    import_id: Uuid,
) -> Result<i64> {
    let sql = format!(
        "SELECT {SUM} AS numbers FROM exchange_dnc_blocks WHERE dnc_list_id = ? AND import_id = ?"
    );
    let values = vec![list.id.into(), import_id.into()];
    let sum: Option<Sum> = tx.sql().fetch_optional(&sql, values).await?;
    Ok(sum.map_or(0, |sum| sum.numbers))
}

/// Numbers of all parts of a list's imports that are not in force.
///
/// # Errors
/// 503.
pub(crate) async fn numbers_staged(tx: &mut ChangeTx<'_>, list: &DncList) -> Result<i64> {
    let sql = format!(
        "SELECT {SUM} AS numbers FROM exchange_dnc_blocks WHERE dnc_list_id = ? AND import_id <> ?"
    );
    let current = list.import_id.unwrap_or_default();
    let values = vec![list.id.into(), current.into()];
    let sum: Option<Sum> = tx.sql().fetch_optional(&sql, values).await?;
    Ok(sum.map_or(0, |sum| sum.numbers))
}

/// The parts of an import behind the `after`-th that was added, from the id `from` on.
///
/// # Errors
/// 503.
pub(crate) async fn blocks(
    reader: &mut Reader<'_>,
    list: &DncList,
    import_id: Uuid,
    after: Option<i64>,
    from: Uuid,
) -> Result<Vec<Block>> {
    let sql = "SELECT id, bitmap FROM exchange_dnc_blocks \
        WHERE dnc_list_id = ? AND import_id = ? AND block > ? AND id > ? ORDER BY id LIMIT ?";
    let values = vec![
        list.id.into(),
        import_id.into(),
        after.unwrap_or(-1).into(),
        from.into(),
        BLOCKS_PER_QUERY.into(),
    ];
    reader.fetch_all(sql, values).await
}

/// Deletes parts of imports that are over, or were given up; whether there may be more.
///
/// # Errors
/// 503.
pub(crate) async fn sweep(tx: &mut ChangeTx<'_>, list: &DncList, replaced: Uuid) -> Result<bool> {
    let oldest: Timestamp = tx.now().minus(IMPORT_AGE_MAX);
    let current = list.import_id.unwrap_or_default();
    let sql = "SELECT id FROM exchange_dnc_blocks WHERE dnc_list_id = ? AND import_id <> ? \
        AND (import_id = ? OR tm_create < ?) LIMIT ?";
    let limit = i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX);
    let values = vec![
        list.id.into(),
        current.into(),
        replaced.into(),
        oldest.into(),
        limit.into(),
    ];
    let over: Vec<Id> = tx.sql().fetch_all(sql, values).await?;
    if over.is_empty() {
        return Ok(false);
    }
    let (marks, ids) = list_ids(&over);
    let sql = format!("DELETE FROM exchange_dnc_blocks WHERE id IN ({marks})");
    tx.sql().execute(&sql, ids).await?;
    Ok(over.len() == SWEPT_AT_ONCE)
}

fn list_ids(rows: &[Id]) -> (String, Vec<bin_common_handler::databasehandler::Value>) {
    list(rows.iter().map(|row| row.id))
}
