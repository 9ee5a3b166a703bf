//! What the calls before tell of a call: counted in its own transaction.

use std::time::Duration;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Dialect, Entity, Value},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::models::{
    call::{Call, Direction},
    fraudcheck::FraudCheck,
    fraudentry::{FraudEntry, FraudList},
};

/// Rows of a customer that are locked to count one after the other; who shares one only waits for the other.
const TURNS: u64 = 1_024;
/// What counts as lately.
const HOUR: Duration = Duration::from_secs(3_600);
/// Calls of an account that are looked at.
pub(crate) const RECENT_MAX: i64 = 200;

#[derive(bin_common_handler::FromRow)]
struct Count {
    n: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Turn {
    #[expect(dead_code, reason = "it is locked, not read")]
    turn: i64,
}

/// Makes calls of the same account, and of the same person, wait for each other until the end of the transaction.
///
/// # Errors
/// 503.
pub(crate) async fn lock_turns(tx: &mut ChangeTx<'_>, call: &Call) -> Result<()> {
    let mut turns = [
        turn_of("account", call.seller_id.as_bytes()),
        turn_of("person", call.person().as_bytes()),
    ];
    // Always in this order, so that no two wait for each other.
    turns.sort_unstable();
    for turn in turns {
        lock_turn(tx, call.customer_id, turn).await?;
    }
    Ok(())
}

/// Makes calls of the same person wait for each other until the end of the transaction.
///
/// # Errors
/// 503.
pub(crate) async fn lock_person(tx: &mut ChangeTx<'_>, call: &Call) -> Result<()> {
    let turn = turn_of("person", call.person().as_bytes());
    lock_turn(tx, call.customer_id, turn).await
}

/// FNV-1a: the same in every process and version.
fn turn_of(kind: &str, subject: &[u8]) -> i64 {
    let hash = kind
        .bytes()
        .chain(subject.iter().copied())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    i64::try_from(hash % TURNS).unwrap_or_default()
}

async fn lock_turn(tx: &mut ChangeTx<'_>, customer_id: Uuid, turn: i64) -> Result<()> {
    let (insert, lock) = match tx.sql().dialect() {
        Dialect::MySql => ("INSERT IGNORE", tx.sql().dialect().for_update()),
        // Its one writer is waited for by writing.
        Dialect::Sqlite => ("INSERT OR IGNORE", ""),
    };
    let sql =
        format!("SELECT turn FROM exchange_fraud_turns WHERE customer_id = ? AND turn = ?{lock}");
    let values: Vec<Value> = vec![customer_id.into(), turn.into()];
    let found: Option<Turn> = tx.sql().fetch_optional(&sql, values.clone()).await?;
    if found.is_some() {
        return Ok(());
    }
    let make = format!("{insert} INTO exchange_fraud_turns (customer_id, turn) VALUES (?, ?)");
    tx.sql().execute(&make, values.clone()).await?;
    let _: Option<Turn> = tx.sql().fetch_optional(&sql, values).await?;
    Ok(())
}

/// Where the person's number stands in calls of that direction.
fn person_column(call: &Call) -> &'static str {
    match call.direction {
        Direction::Outbound => "to_number",
        _ => "from_number",
    }
}

/// Calls of the person in the last hour, counted up to `most`; `erased` stands for its number in those before an erasure.
///
/// # Errors
/// 503.
pub(crate) async fn calls_of_person(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    erased: Option<&str>,
    most: i64,
) -> Result<i64> {
    let column = person_column(call);
    let which = format!("customer_id = ? AND {column} IN (?, ?) AND tm_create > ?");
    let since = tx.now().minus(HOUR);
    let person = call.person();
    let values = vec![
        call.customer_id.into(),
        person.into(),
        erased.unwrap_or(person).into(),
        since.into(),
    ];
    count(tx, &which, values, most).await
}

/// Calls of the seller's account in the last hour, counted up to `most`.
///
/// # Errors
/// 503.
pub(crate) async fn calls_of_account(tx: &mut ChangeTx<'_>, call: &Call, most: i64) -> Result<i64> {
    let since = tx.now().minus(HOUR);
    let values = vec![call.seller_id.into(), call.customer_id.into(), since.into()];
    count(
        tx,
        "seller_id = ? AND customer_id = ? AND tm_create > ?",
        values,
        most,
    )
    .await
}

async fn count(
    tx: &mut ChangeTx<'_>,
    which: &str,
    mut values: Vec<Value>,
    most: i64,
) -> Result<i64> {
    let sql = format!(
        "SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM exchange_calls WHERE {which} LIMIT ?) AS counted"
    );
    values.push(most.into());
    let found: Option<Count> = tx.sql().fetch_optional(&sql, values).await?;
    Ok(found.map_or(0, |count| count.n))
}

/// The latest calls of an account, added up.
#[derive(Debug, Clone, Copy, Default, bin_common_handler::FromRow)]
pub(crate) struct Recent {
    /// Calls that ended after an answer.
    pub ended: i64,
    /// Those that lasted less than ten seconds.
    pub short: i64,
    /// Calls of the last hour from the exchange (area code and central office) of this call's number.
    pub exchange_calls: i64,
    /// Numbers that they came from.
    pub exchange_numbers: i64,
}

/// The latest calls of the seller's account.
///
/// # Errors
/// 503.
pub(crate) async fn recent(tx: &mut ChangeTx<'_>, call: &Call) -> Result<Recent> {
    let sql = "SELECT \
        COALESCE(SUM(CASE WHEN status = 'completed' THEN 1 ELSE 0 END), 0) AS ended, \
        COALESCE(SUM(CASE WHEN status = 'completed' AND duration_seconds < 10 THEN 1 ELSE 0 END), 0) AS short, \
        COUNT(near) AS exchange_calls, COUNT(DISTINCT near) AS exchange_numbers \
        FROM (SELECT status, duration_seconds, \
            CASE WHEN tm_create > ? AND {person} >= ? AND {person} < ? THEN {person} END AS near \
            FROM exchange_calls WHERE seller_id = ? AND customer_id = ? \
            ORDER BY tm_create DESC LIMIT ?) AS recent";
    let (first, beyond) = exchange(call.person());
    let since = tx.now().minus(HOUR);
    let values = vec![
        since.into(),
        first.into(),
        beyond.into(),
        call.seller_id.into(),
        call.customer_id.into(),
        RECENT_MAX.into(),
    ];
    let sql = casted(tx.sql().dialect(), sql).replace("{person}", person_column(call));
    let found: Option<Recent> = tx.sql().fetch_optional(&sql, values).await?;
    Ok(found.unwrap_or_default())
}

/// MariaDB adds up to DECIMAL, which is no integer.
fn casted(dialect: Dialect, sql: &str) -> String {
    match dialect {
        Dialect::MySql => sql
            .replace("COALESCE(", "CAST(COALESCE(")
            .replace(", 0) AS", ", 0) AS SIGNED) AS"),
        Dialect::Sqlite => sql.to_owned(),
    }
}

/// Where the numbers of an exchange begin, and where they end: `+1` and six digits, or the first seven of others.
fn exchange(number: &str) -> (String, String) {
    let first = number.get(..8).unwrap_or(number).to_owned();
    // Digits are followed by a colon in ASCII.
    let beyond = format!("{first}:");
    (first, beyond)
}

/// How the person or the account is listed; who is blocked is blocked, whatever else is said.
///
/// # Errors
/// 503.
pub(crate) async fn listed(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    now: Timestamp,
) -> Result<Option<FraudList>> {
    let sql = format!(
        "SELECT {} FROM exchange_fraud_entries WHERE customer_id = ? AND (phone = ? OR account_id = ?) \
         AND tm_delete IS NULL AND (expires IS NULL OR expires > ?) ORDER BY list DESC LIMIT 1",
        FraudEntry::COLUMNS.join(", ")
    );
    let values = vec![
        call.customer_id.into(),
        call.person().into(),
        call.seller_id.into(),
        now.into(),
    ];
    let found: Option<FraudEntry> = tx.sql().fetch_optional(&sql, values).await?;
    Ok(found.map(|entry| entry.list))
}

/// The check of a call.
///
/// # Errors
/// 503.
pub(crate) async fn check_of(db: &Db, call: &Call) -> Result<Option<FraudCheck>> {
    let sql = format!(
        "SELECT {} FROM exchange_fraud_checks WHERE call_id = ? AND customer_id = ? LIMIT 1",
        FraudCheck::COLUMNS.join(", ")
    );
    let values = vec![call.id.into(), call.customer_id.into()];
    Ok(db.fetch_optional(&sql, values).await?)
}
