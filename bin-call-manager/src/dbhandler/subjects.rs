//! Everything about one number, and its pseudonym.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Entity, Value},
    models::error::Result,
};
use uuid::Uuid;

/// Rows of each kind that an answer has at most.
pub(crate) const ROWS_MAX: i64 = 1_000;

const KEY: &str = "SELECT sealed FROM exchange_subject_keys WHERE customer_id = ?";

#[derive(bin_common_handler::FromRow)]
struct Sealed {
    sealed: String,
}

/// Rows of an entity in which one of these columns is the number, newest first.
///
/// # Errors
/// 503.
pub(crate) async fn rows<E: Entity>(
    db: &Db,
    columns: &[&str],
    customer_id: Uuid,
    phone: &str,
) -> Result<Vec<E>> {
    let is_it: Vec<String> = columns
        .iter()
        .map(|column| format!("{column} = ?"))
        .collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE customer_id = ? AND ({}) ORDER BY tm_create DESC LIMIT ?",
        E::COLUMNS.join(", "),
        E::TABLE,
        is_it.join(" OR "),
    );
    let mut values: Vec<Value> = vec![customer_id.into()];
    values.extend(columns.iter().map(|_| Value::from(phone)));
    values.push(ROWS_MAX.into());
    Ok(db.fetch_all(&sql, values).await?)
}

/// Puts the pseudonym into a column wherever the number stands; how often.
///
/// # Errors
/// 503.
pub(crate) async fn replace(
    tx: &mut ChangeTx<'_>,
    table: &'static str,
    column: &'static str,
    customer_id: Uuid,
    phone: &str,
    pseudonym: &str,
) -> Result<u64> {
    let sql = format!("UPDATE {table} SET {column} = ? WHERE customer_id = ? AND {column} = ?");
    let values = vec![pseudonym.into(), customer_id.into(), phone.into()];
    Ok(tx.sql().execute(&sql, values).await?)
}

/// Pings of an erased number are not found by what was asked any more: that is a hash of the number.
///
/// # Errors
/// 503.
pub(crate) async fn forget_questions(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    pseudonym: &str,
) -> Result<()> {
    let sql = "UPDATE exchange_pings SET digest = '' WHERE customer_id = ? AND from_number = ?";
    let values = vec![customer_id.into(), pseudonym.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// The sealed key of a customer's pseudonyms.
///
/// # Errors
/// 503.
pub(crate) async fn key(db: &Db, customer_id: Uuid) -> Result<Option<String>> {
    let found: Option<Sealed> = db.fetch_optional(KEY, vec![customer_id.into()]).await?;
    Ok(found.map(|row| row.sealed))
}

/// The same, as a transaction sees it.
///
/// # Errors
/// 503.
pub(crate) async fn key_in(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<Option<String>> {
    let found: Option<Sealed> = tx
        .sql()
        .fetch_optional(KEY, vec![customer_id.into()])
        .await?;
    Ok(found.map(|row| row.sealed))
}

/// Keeps a new key.
///
/// # Errors
/// 409 when there is one already; 503.
pub(crate) async fn add_key(db: &Db, customer_id: Uuid, sealed: String) -> Result<()> {
    let sql = "INSERT INTO exchange_subject_keys (customer_id, sealed) VALUES (?, ?)";
    db.execute(sql, vec![customer_id.into(), sealed.into()])
        .await?;
    Ok(())
}
