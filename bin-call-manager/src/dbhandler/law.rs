//! What the law's check reads of numbers: attempts, entries, consents, relationships, and a customer's own rules.

use std::{collections::BTreeMap, time::Duration};

use bin_common_handler::{
    StoredRow,
    databasehandler::{ChangeTx, Db, Entity, Reader, Value, list},
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use serde::Serialize;
use uuid::Uuid;

use crate::models::{
    businessrelationship::BusinessRelationship,
    compliancerule::ComplianceRule,
    consent::{self, Consent},
    dncentry::DncEntry,
};

/// Numbers that one statement asks for.
const NUMBERS_PER_QUERY: usize = 500;
/// Own rules that count. More are refused when they are made.
pub(crate) const RULES_MAX: usize = 500;
/// Rows of each kind that are read about the numbers of one statement.
const ROWS_MAX: i64 = 50_000;
/// Attempts are forgotten after so long. The law counts those of 24 hours.
const ATTEMPT_AGE_MAX: Duration = Duration::from_secs(3 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);
/// Old attempts that one statement deletes.
const SWEPT_AT_ONCE: i64 = 1_000;

/// What the tables say of one number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Calls that were placed in the last 24 hours, in order of time.
    pub attempts: Vec<Timestamp>,
    /// Live entries, ended ones included.
    pub entries: Vec<DncEntry>,
    /// The last version of each consent that no later revocation ended.
    pub consents: Vec<Consent>,
    pub relationships: Vec<BusinessRelationship>,
    /// The person told the customer to stop.
    pub opted_out: bool,
}

/// How many live rules a customer has of its own.
///
/// # Errors
/// 503.
pub(crate) async fn count_rules(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<i64> {
    #[derive(bin_common_handler::FromRow)]
    struct Count {
        n: i64,
    }
    let sql = "SELECT COUNT(*) AS n FROM exchange_compliance_rules \
        WHERE customer_id = ? AND tm_delete IS NULL";
    let count: Option<Count> = tx
        .sql()
        .fetch_optional(sql, vec![customer_id.into()])
        .await?;
    Ok(count.map_or(0, |count| count.n))
}

/// A call that was placed.
#[derive(Debug, Clone, PartialEq, Serialize, StoredRow)]
#[entity(table = "exchange_attempts")]
pub(crate) struct Attempt {
    pub phone: String,
    pub tm: Timestamp,
}

/// What is known of some numbers at a time.
///
/// # Errors
/// 503.
pub(crate) async fn known(
    reader: &mut Reader<'_>,
    customer_id: Uuid,
    phones: &[&str],
    now: Timestamp,
) -> Result<BTreeMap<String, Known>> {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for phones in phones.chunks(NUMBERS_PER_QUERY) {
        let since = now.minus(DAY);
        let attempts: Vec<Attempt> = about(
            reader,
            "phone, tm",
            "exchange_attempts",
            customer_id,
            phones,
            Some((" AND tm > ? ORDER BY tm", since)),
        )
        .await?;
        for attempt in attempts {
            known
                .entry(attempt.phone)
                .or_default()
                .attempts
                .push(attempt.tm);
        }
        for entry in rows::<DncEntry>(reader, customer_id, phones, " AND tm_delete IS NULL").await?
        {
            known
                .entry(entry.phone.clone())
                .or_default()
                .entries
                .push(entry);
        }
        for consent in rows::<Consent>(reader, customer_id, phones, "").await? {
            known
                .entry(consent.phone.clone())
                .or_default()
                .consents
                .push(consent);
        }
        for phone in optouts(reader, customer_id, phones).await? {
            known.entry(phone).or_default().opted_out = true;
        }
        for row in
            rows::<BusinessRelationship>(reader, customer_id, phones, " AND tm_delete IS NULL")
                .await?
        {
            known
                .entry(row.phone.clone())
                .or_default()
                .relationships
                .push(row);
        }
    }
    for known in known.values_mut() {
        known.consents = consent::in_force(std::mem::take(&mut known.consents));
    }
    Ok(known)
}

/// Whether the person took back a consent for the same purpose at the time of that version, or later.
///
/// # Errors
/// 503.
pub(crate) async fn is_revoked_since(tx: &mut ChangeTx<'_>, version: &Consent) -> Result<bool> {
    let sql = "SELECT tm_create FROM exchange_consents WHERE customer_id = ? AND phone = ? \
         AND purpose = ? AND status = 'revoked' ORDER BY tm_create DESC LIMIT 1";
    let values = vec![
        version.customer_id.into(),
        version.phone.as_str().into(),
        version.purpose.as_str().into(),
    ];
    let last: Option<Revocation> = tx.sql().fetch_optional(sql, values).await?;
    Ok(last.is_some_and(|last| last.tm_create >= version.tm_create))
}

#[derive(bin_common_handler::FromRow)]
struct Revocation {
    tm_create: Timestamp,
}

async fn rows<E: Entity>(
    reader: &mut Reader<'_>,
    customer_id: Uuid,
    phones: &[&str],
    and: &str,
) -> Result<Vec<E>> {
    let (marks, numbers) = list(phones.iter().copied());
    let sql = format!(
        "SELECT {} FROM {} WHERE customer_id = ? AND phone IN ({marks}){and} LIMIT ?",
        E::COLUMNS.join(", "),
        E::TABLE,
    );
    let mut values = vec![customer_id.into()];
    values.extend(numbers);
    values.push(ROWS_MAX.into());
    let found: Vec<E> = reader.fetch_all(&sql, values).await?;
    ensure_whole(found.len())?;
    Ok(found)
}

async fn about(
    reader: &mut Reader<'_>,
    columns: &str,
    table: &str,
    customer_id: Uuid,
    phones: &[&str],
    more: Option<(&str, Timestamp)>,
) -> Result<Vec<Attempt>> {
    let (marks, numbers) = list(phones.iter().copied());
    let (and, time) = more.unzip();
    let sql = format!(
        "SELECT {columns} FROM {table} WHERE customer_id = ? AND phone IN ({marks}){} LIMIT ?",
        and.unwrap_or_default(),
    );
    let mut values = vec![customer_id.into()];
    values.extend(numbers);
    values.extend(time.map(Value::from));
    values.push(ROWS_MAX.into());
    let found: Vec<Attempt> = reader.fetch_all(&sql, values).await?;
    ensure_whole(found.len())?;
    Ok(found)
}

#[derive(bin_common_handler::FromRow)]
struct OptOut {
    number: String,
}

/// Those of some numbers whose person told the customer to stop.
async fn optouts(
    reader: &mut Reader<'_>,
    customer_id: Uuid,
    phones: &[&str],
) -> Result<Vec<String>> {
    let (marks, numbers) = list(phones.iter().copied());
    let sql = format!(
        "SELECT number FROM exchange_optouts WHERE customer_id = ? AND number IN ({marks})"
    );
    let values = std::iter::once(customer_id.into()).chain(numbers).collect();
    let found: Vec<OptOut> = reader.fetch_all(&sql, values).await?;
    Ok(found.into_iter().map(|row| row.number).collect())
}

/// Whether a number's person told the customer to stop, as the transaction sees it.
///
/// # Errors
/// 503.
pub(crate) async fn is_opted_out(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    phone: &str,
) -> Result<bool> {
    let sql = "SELECT number FROM exchange_optouts WHERE customer_id = ? AND number = ?";
    let values = vec![customer_id.into(), phone.into()];
    let found: Option<OptOut> = tx.sql().fetch_optional(sql, values).await?;
    Ok(found.is_some())
}

/// An answer from half of the rows might allow what the other half forbids.
fn ensure_whole(rows: usize) -> Result<()> {
    if i64::try_from(rows).is_ok_and(|rows| rows < ROWS_MAX) {
        return Ok(());
    }
    Err(Error::failed_precondition(
        "TOO_MANY_ROWS",
        "There are too many rows about these numbers; ask for fewer at once.",
    ))
}

/// A number's attempts of the last 24 hours, for whoever has the person's turn.
///
/// # Errors
/// 503.
pub(crate) async fn attempts(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    phone: &str,
) -> Result<Vec<Timestamp>> {
    let since = tx.now().minus(DAY);
    let sql = "SELECT phone, tm FROM exchange_attempts WHERE customer_id = ? AND phone = ? AND tm > ? \
         ORDER BY tm LIMIT ?";
    let values = vec![
        customer_id.into(),
        phone.into(),
        since.into(),
        ROWS_MAX.into(),
    ];
    let found: Vec<Attempt> = tx.sql().fetch_all(sql, values).await?;
    Ok(found.into_iter().map(|attempt| attempt.tm).collect())
}

/// A call to that number was placed, or is about to be; one of ours has the id of its call.
///
/// # Errors
/// 503.
pub(crate) async fn add_attempt(
    tx: &mut ChangeTx<'_>,
    id: Uuid,
    customer_id: Uuid,
    phone: &str,
    at: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO exchange_attempts (id, customer_id, phone, tm) VALUES (?, ?, ?, ?)";
    let values = vec![id.into(), customer_id.into(), phone.into(), at.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// The call of an attempt was placed at that time.
///
/// # Errors
/// 503.
pub(crate) async fn move_attempt(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    id: Uuid,
    at: Timestamp,
) -> Result<()> {
    let sql = "UPDATE exchange_attempts SET tm = ? WHERE id = ? AND customer_id = ?";
    let values = vec![at.into(), id.into(), customer_id.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// The call of an attempt was never placed.
///
/// # Errors
/// 503.
pub(crate) async fn remove_attempt(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    id: Uuid,
) -> Result<()> {
    let sql = "DELETE FROM exchange_attempts WHERE id = ? AND customer_id = ?";
    let values = vec![id.into(), customer_id.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Forgets attempts that no limit counts any more.
///
/// # Errors
/// 503.
pub(crate) async fn forget_attempts(db: &Db, now: Timestamp) -> Result<()> {
    #[derive(bin_common_handler::FromRow)]
    struct Old {
        id: Uuid,
    }
    loop {
        let sql = "SELECT id FROM exchange_attempts WHERE tm < ? LIMIT ?";
        let values = vec![now.minus(ATTEMPT_AGE_MAX).into(), SWEPT_AT_ONCE.into()];
        let old: Vec<Old> = db.fetch_all(sql, values).await?;
        if old.is_empty() {
            return Ok(());
        }
        let (marks, ids) = list(old.iter().map(|row| row.id));
        let sql = format!("DELETE FROM exchange_attempts WHERE id IN ({marks})");
        db.execute(&sql, ids).await?;
    }
}

/// A customer's own rules.
///
/// # Errors
/// 503.
pub(crate) async fn own_rules(
    reader: &mut Reader<'_>,
    customer_id: Uuid,
) -> Result<Vec<ComplianceRule>> {
    let sql = format!(
        "SELECT {} FROM {} WHERE customer_id = ? AND tm_delete IS NULL LIMIT ?",
        ComplianceRule::COLUMNS.join(", "),
        ComplianceRule::TABLE,
    );
    let limit = i64::try_from(RULES_MAX).unwrap_or(i64::MAX);
    reader
        .fetch_all(&sql, vec![customer_id.into(), limit.into()])
        .await
}

#[derive(bin_common_handler::FromRow)]
struct Kept {
    verdict: sqlx::types::Json<serde_json::Value>,
}

/// Keeps what the law said about a call that is placed.
///
/// # Errors
/// 503.
pub(crate) async fn save_verdict(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    call_id: Uuid,
    verdict: &impl Serialize,
) -> Result<()> {
    let sql = "INSERT INTO exchange_verdicts (call_id, customer_id, verdict) VALUES (?, ?, ?)";
    let values = vec![call_id.into(), customer_id.into(), Value::json(verdict)];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// What the law said about a call.
///
/// # Errors
/// 503.
pub(crate) async fn verdict(
    db: &Db,
    customer_id: Uuid,
    call_id: Uuid,
) -> Result<Option<serde_json::Value>> {
    let sql = "SELECT verdict FROM exchange_verdicts WHERE call_id = ? AND customer_id = ?";
    let values = vec![call_id.into(), customer_id.into()];
    let kept: Option<Kept> = db.fetch_optional(sql, values).await?;
    Ok(kept.map(|kept| kept.verdict.0))
}
