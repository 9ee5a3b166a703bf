//! What a decision reads: profiles, accounts, the caller's history, whose turn it is.

use std::collections::BTreeMap;

use bin_common_handler::{
    StoredRow,
    databasehandler::{ChangeTx, Dialect, Entity, list},
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    choice::Counters,
    models::{
        account::Account,
        bid::Bid,
        call::{Call, Direction},
    },
};

/// Profiles that one campaign's calls are offered to; a customer has no more, unless told otherwise.
const PROFILES_MAX: i64 = 100_000;
/// Bids that one settlement looks at.
const BIDS_MAX: i64 = 5_000;

/// The columns of an entity, in order.
fn columns<E: Entity>() -> String {
    E::COLUMNS.join(", ")
}

/// Which version of a row there is.
#[derive(Debug, Clone, PartialEq, StoredRow)]
#[entity(table = "exchange_bid_profiles")]
pub(crate) struct Version {
    pub id: Uuid,
    pub tm_update: Timestamp,
}

#[derive(bin_common_handler::FromRow)]
struct SetVersion {
    version: i64,
}

/// How often a customer's profiles changed, those of the caller's transaction included.
///
/// # Errors
/// 503.
pub(crate) async fn profiles_version(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<i64> {
    let sql = "SELECT version FROM exchange_profile_sets WHERE customer_id = ?";
    let found: Option<SetVersion> = tx
        .sql()
        .fetch_optional(sql, vec![customer_id.into()])
        .await?;
    Ok(found.map_or(0, |row| row.version))
}

/// A profile of the customer changes with this transaction.
///
/// # Errors
/// 503.
pub(crate) async fn profiles_changed(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<()> {
    let otherwise = match tx.sql().dialect() {
        Dialect::MySql => "ON DUPLICATE KEY UPDATE",
        Dialect::Sqlite => "ON CONFLICT (customer_id) DO UPDATE SET",
    };
    let sql = format!(
        "INSERT INTO exchange_profile_sets (customer_id, version) VALUES (?, 1) \
         {otherwise} version = version + 1"
    );
    tx.sql().execute(&sql, vec![customer_id.into()]).await?;
    Ok(())
}

/// Profiles that may bid for calls of a campaign; an index has it all.
///
/// # Errors
/// 503.
pub(crate) async fn profiles(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    call_campaign_id: Uuid,
) -> Result<Vec<Version>> {
    let sql = "SELECT id, tm_update FROM exchange_bid_profiles \
         WHERE customer_id = ? AND (call_campaign_id = ? OR call_campaign_id IS NULL) \
         AND active = ? AND tm_delete IS NULL ORDER BY id LIMIT ?";
    let values = vec![
        customer_id.into(),
        call_campaign_id.into(),
        true.into(),
        PROFILES_MAX.into(),
    ];
    Ok(tx.sql().fetch_all(sql, values).await?)
}

/// Which versions these profiles have.
///
/// # Errors
/// 503.
pub(crate) async fn profiles_by_id(
    tx: &mut ChangeTx<'_>,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<Version>> {
    let ids: std::collections::BTreeSet<Uuid> = ids.into_iter().collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let mut found = Vec::new();
    for some in ids.chunks(500) {
        let (marks, values) = list(some.iter().copied());
        let sql = format!("SELECT id, tm_update FROM exchange_bid_profiles WHERE id IN ({marks})");
        let rows: Vec<Version> = tx.sql().fetch_all(&sql, values).await?;
        found.extend(rows);
    }
    Ok(found)
}

/// Bids of an auction that may still win.
///
/// # Errors
/// 503.
pub(crate) async fn bids(tx: &mut ChangeTx<'_>, auction_id: Uuid) -> Result<Vec<Bid>> {
    let sql = format!(
        "SELECT {} FROM exchange_bids \
         WHERE auction_id = ? AND status IN ('active', 'lost') ORDER BY id LIMIT ?",
        columns::<Bid>()
    );
    let values = vec![auction_id.into(), BIDS_MAX.into()];
    Ok(tx.sql().fetch_all(&sql, values).await?)
}

/// Accounts as they are committed, by id.
///
/// # Errors
/// 503.
pub(crate) async fn accounts(
    tx: &mut ChangeTx<'_>,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<BTreeMap<Uuid, Account>> {
    by_id::<Account>(tx, ids).await
}

#[derive(bin_common_handler::FromRow)]
struct Held {
    #[expect(dead_code, reason = "it is there or not")]
    id: Uuid,
}

/// Whether a seller has calls that a buyer's money is set aside for.
///
/// # Errors
/// 503.
pub(crate) async fn has_held_calls(tx: &mut ChangeTx<'_>, seller: &Account) -> Result<bool> {
    let sql = "SELECT id FROM exchange_calls WHERE seller_id = ? AND customer_id = ? \
         AND bid_id IS NOT NULL AND converted IS NULL LIMIT 1";
    let values = vec![seller.id.into(), seller.customer_id.into()];
    let found: Option<Held> = tx.sql().fetch_optional(sql, values).await?;
    Ok(found.is_some())
}

/// Rows of an entity by id.
///
/// # Errors
/// 503.
pub(crate) async fn by_id<E: Entity>(
    tx: &mut ChangeTx<'_>,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<BTreeMap<Uuid, E>> {
    let ids: std::collections::BTreeSet<Uuid> = ids.into_iter().collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let mut found = BTreeMap::new();
    for some in ids.chunks(500) {
        let (marks, values) = list(some.iter().copied());
        let sql = format!(
            "SELECT {} FROM {} WHERE id IN ({marks})",
            columns::<E>(),
            E::TABLE
        );
        let rows: Vec<E> = tx.sql().fetch_all(&sql, values).await?;
        found.extend(rows.into_iter().map(|row| (row.id(), row)));
    }
    Ok(found)
}

/// When a person was last put through to a buyer, and last converted there.
#[derive(Debug, Clone, PartialEq, StoredRow)]
#[entity(table = "exchange_calls")]
pub(crate) struct History {
    pub buyer_id: Uuid,
    pub connected: Option<Timestamp>,
    pub converted: Option<Timestamp>,
}

/// The person's earlier calls of the campaign, by buyer. What may still convert counts as converted.
///
/// # Errors
/// 503.
pub(crate) async fn history(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    since: Timestamp,
) -> Result<Vec<History>> {
    let column = person_column(call);
    let sql = format!(
        "SELECT buyer_id, MAX(tm_answer) AS connected, \
         MAX(CASE WHEN converted = 1 OR converted IS NULL THEN tm_answer END) AS converted FROM exchange_calls \
         WHERE call_campaign_id = ? AND {column} = ? AND tm_answer >= ? AND customer_id = ? \
         AND buyer_id IS NOT NULL GROUP BY buyer_id"
    );
    let values = vec![
        call.call_campaign_id.into(),
        call.person().into(),
        since.into(),
        call.customer_id.into(),
    ];
    Ok(tx.sql().fetch_all(&sql, values).await?)
}

fn person_column(call: &Call) -> &'static str {
    match call.direction {
        Direction::Outbound => "to_number",
        _ => "from_number",
    }
}

#[derive(bin_common_handler::FromRow)]
struct Payer {
    buyer_id: Uuid,
}

/// Buyers that have another call of the person and campaign that nobody answered yet: they may still be put through.
///
/// # Errors
/// 503.
pub(crate) async fn waiting(tx: &mut ChangeTx<'_>, call: &Call) -> Result<Vec<Uuid>> {
    let column = person_column(call);
    let sql = format!(
        "SELECT DISTINCT buyer_id FROM exchange_calls \
         WHERE call_campaign_id = ? AND {column} = ? AND tm_answer IS NULL AND customer_id = ? \
         AND status IN ('queued', 'ringing') AND buyer_id IS NOT NULL AND id <> ? LIMIT ?"
    );
    let values = vec![
        call.call_campaign_id.into(),
        call.person().into(),
        call.customer_id.into(),
        call.id.into(),
        BIDS_MAX.into(),
    ];
    let rows: Vec<Payer> = tx.sql().fetch_all(&sql, values).await?;
    Ok(rows.into_iter().map(|row| row.buyer_id).collect())
}

#[derive(bin_common_handler::FromRow)]
struct Text {
    text: String,
}

/// Whose turn it is in a campaign, held until the end of the transaction.
///
/// # Errors
/// 503.
pub(crate) async fn lock_counters(
    tx: &mut ChangeTx<'_>,
    call_campaign_id: Uuid,
) -> Result<Counters> {
    // A row that is there is needed to be locked.
    let insert = match tx.sql().dialect() {
        Dialect::MySql => "INSERT IGNORE",
        Dialect::Sqlite => "INSERT OR IGNORE",
    };
    let sql = format!(
        "SELECT counters AS text FROM exchange_rotations WHERE call_campaign_id = ?{}",
        tx.sql().dialect().for_update()
    );
    let values = vec![call_campaign_id.into()];
    let found: Option<Text> = tx.sql().fetch_optional(&sql, values.clone()).await?;
    if let Some(row) = found {
        return serde_json::from_str(&row.text).map_err(Error::internal);
    }
    let make =
        format!("{insert} INTO exchange_rotations (call_campaign_id, counters) VALUES (?, '{{}}')");
    tx.sql().execute(&make, values.clone()).await?;
    let found: Option<Text> = tx.sql().fetch_optional(&sql, values).await?;
    let text = found.map_or_else(|| "{}".to_owned(), |row| row.text);
    serde_json::from_str(&text).map_err(Error::internal)
}

/// Notes whose turn it was.
///
/// # Errors
/// 503.
pub(crate) async fn save_counters(
    tx: &mut ChangeTx<'_>,
    call_campaign_id: Uuid,
    counters: &Counters,
) -> Result<()> {
    let text = serde_json::to_string(counters).map_err(Error::internal)?;
    let sql = "UPDATE exchange_rotations SET counters = ? WHERE call_campaign_id = ?";
    let values = vec![text.into(), call_campaign_id.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Keeps why a call went where it went; the last decision counts.
///
/// # Errors
/// 503.
pub(crate) async fn save_explanation(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    explanation: &impl Serialize,
) -> Result<()> {
    let text = serde_json::to_string(explanation).map_err(Error::internal)?;
    let sql =
        "REPLACE INTO exchange_decisions (call_id, customer_id, explanation) VALUES (?, ?, ?)";
    let values = vec![call.id.into(), call.customer_id.into(), text.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Adds a sentence to what was decided about a call; false where nothing was.
///
/// # Errors
/// 503.
pub(crate) async fn extend_explanation(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    sentence: &str,
) -> Result<bool> {
    let sql =
        "SELECT explanation AS text FROM exchange_decisions WHERE call_id = ? AND customer_id = ?";
    let values = vec![call.id.into(), call.customer_id.into()];
    let found: Option<Text> = tx.sql().fetch_optional(sql, values).await?;
    let Some(row) = found else {
        return Ok(false);
    };
    let mut whole: serde_json::Value = serde_json::from_str(&row.text).map_err(Error::internal)?;
    if let Some(serde_json::Value::String(text)) = whole.get_mut("text") {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(sentence);
    }
    save_explanation(tx, call, &whole).await?;
    Ok(true)
}

/// Why a call went where it went, as JSON; nothing before its first decision.
///
/// # Errors
/// 503.
pub(crate) async fn explanation(
    db: &bin_common_handler::databasehandler::Db,
    call: &Call,
) -> Result<Option<serde_json::Value>> {
    let sql =
        "SELECT explanation AS text FROM exchange_decisions WHERE call_id = ? AND customer_id = ?";
    let values = vec![call.id.into(), call.customer_id.into()];
    let found: Option<Text> = db.fetch_optional(sql, values).await?;
    found
        .map(|row| serde_json::from_str(&row.text).map_err(Error::internal))
        .transpose()
}
