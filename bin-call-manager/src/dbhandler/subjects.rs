//! Everything about one number, and its pseudonym.

use std::collections::BTreeMap;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Entity, Id, Value},
    models::{error::Result, time::Timestamp},
};
use sqlx::types::Json;
use uuid::Uuid;

/// Rows of each kind that an answer has at most, and that one statement of an erasure reads.
pub(crate) const ROWS_MAX: i64 = 1_000;

/// Rows that one part of a look through all of a customer's reads.
pub(crate) const PART: usize = 1_000;

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

/// Pings of an erased number are not found by what was asked any more: that is a hash of the number. Who asks the same again
/// has a new ping at once.
///
/// # Errors
/// 503.
pub(crate) async fn forget_questions(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    pseudonym: &str,
) -> Result<()> {
    let claims = "DELETE FROM exchange_ping_claims WHERE customer_id = ? AND ping_id IN \
         (SELECT id FROM exchange_pings WHERE customer_id = ? AND from_number = ?)";
    let values = vec![customer_id.into(), customer_id.into(), pseudonym.into()];
    tx.sql().execute(claims, values).await?;
    let sql = "UPDATE exchange_pings SET digest = '' WHERE customer_id = ? AND from_number = ?";
    let values = vec![customer_id.into(), pseudonym.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// What others wrote of a call or a ping.
#[derive(bin_common_handler::FromRow)]
pub(crate) struct Tagged {
    pub id: Uuid,
    pub tags: Json<BTreeMap<String, String>>,
    /// Of a call.
    pub reference: Option<String>,
    /// Of a call.
    pub hangup_cause: String,
    pub tm_create: Timestamp,
}

/// Where calls are.
const CALLS: &str = "exchange_calls";

/// The texts of a table's rows; those of a ping are its tags.
fn texts_of(table: &str) -> &'static str {
    if table == CALLS {
        "tags, reference, hangup_cause"
    } else {
        "tags, NULL AS reference, '' AS hangup_cause"
    }
}

/// Texts of a customer's rows that were made within these times, the oldest first; [`PART`] of them at most.
///
/// # Errors
/// 503.
pub(crate) async fn tagged_within(
    tx: &mut ChangeTx<'_>,
    table: &'static str,
    customer_id: Uuid,
    (since, until): (Timestamp, Timestamp),
) -> Result<Vec<Tagged>> {
    let sql = format!(
        "SELECT id, {}, tm_create FROM {table} \
         WHERE customer_id = ? AND tm_create >= ? AND tm_create <= ? ORDER BY tm_create LIMIT ?",
        texts_of(table)
    );
    let most = i64::try_from(PART).unwrap_or(i64::MAX);
    let values = vec![customer_id.into(), since.into(), until.into(), most.into()];
    Ok(tx.sql().fetch_all(&sql, values).await?)
}

/// Texts of the next rows behind `after` in which a column is the number, or what stands for it.
///
/// # Errors
/// 503.
pub(crate) async fn tagged(
    tx: &mut ChangeTx<'_>,
    table: &'static str,
    column: &'static str,
    customer_id: Uuid,
    number: &str,
    after: Uuid,
) -> Result<Vec<Tagged>> {
    let sql = format!(
        "SELECT id, {}, tm_create FROM {table} \
         WHERE customer_id = ? AND {column} = ? AND id > ? ORDER BY id LIMIT ?",
        texts_of(table)
    );
    let values = vec![
        customer_id.into(),
        number.into(),
        after.into(),
        ROWS_MAX.into(),
    ];
    Ok(tx.sql().fetch_all(&sql, values).await?)
}

/// Writes the texts of a row.
///
/// # Errors
/// 503.
pub(crate) async fn set_texts(
    tx: &mut ChangeTx<'_>,
    table: &'static str,
    customer_id: Uuid,
    row: Tagged,
) -> Result<()> {
    let mut values: Vec<Value> = vec![row.tags.into()];
    let more = if table == CALLS {
        values.push(row.reference.into());
        values.push(row.hangup_cause.into());
        ", reference = ?, hangup_cause = ?"
    } else {
        ""
    };
    let sql = format!("UPDATE {table} SET tags = ?{more} WHERE customer_id = ? AND id = ?");
    values.push(customer_id.into());
    values.push(row.id.into());
    tx.sql().execute(&sql, values).await?;
    Ok(())
}

/// Puts the pseudonym into what was decided about a call, wherever these words stand.
///
/// # Errors
/// 503.
pub(crate) async fn replace_explained(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    call_id: Uuid,
    words: &str,
    pseudonym: &str,
) -> Result<()> {
    let sql = "UPDATE exchange_decisions SET explanation = REPLACE(explanation, ?, ?) \
         WHERE call_id = ? AND customer_id = ?";
    let values = vec![
        words.into(),
        pseudonym.into(),
        call_id.into(),
        customer_id.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// The customer's next profiles behind `after` whose conditions have these words: as digits, nothing that LIKE knows.
fn conditions_with(customer_id: Uuid, words: &str, after: Uuid) -> (&'static str, Vec<Value>) {
    let sql = "SELECT id FROM exchange_bid_profiles \
         WHERE customer_id = ? AND id > ? AND criteria LIKE ? ORDER BY id LIMIT ?";
    let values = vec![
        customer_id.into(),
        after.into(),
        format!("%{words}%").into(),
        ROWS_MAX.into(),
    ];
    (sql, values)
}

/// Profiles in whose conditions these digits stand, behind `after`, deleted ones included.
///
/// # Errors
/// 503.
pub(crate) async fn profiles_with(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    digits: &str,
    after: Uuid,
) -> Result<Vec<Id>> {
    let (sql, values) = conditions_with(customer_id, digits, after);
    Ok(tx.sql().fetch_all(sql, values).await?)
}

/// Profiles in whose conditions the number stands as a text of its own.
///
/// # Errors
/// 503.
pub(crate) async fn profiles_naming(db: &Db, customer_id: Uuid, phone: &str) -> Result<Vec<Uuid>> {
    let (sql, values) = conditions_with(customer_id, &format!("\"{phone}\""), Uuid::nil());
    let found: Vec<Id> = db.fetch_all(sql, values).await?;
    Ok(found.into_iter().map(|row| row.id).collect())
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
