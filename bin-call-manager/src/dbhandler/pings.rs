//! Pings that were answered before, and those whose call is waited for.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Dialect, Entity},
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use uuid::Uuid;

use crate::{choice::Counters, models::ping::Ping};

/// The same question, answered and not over.
///
/// # Errors
/// 503.
pub(crate) async fn same(
    db: &Db,
    customer_id: Uuid,
    digest: &str,
    now: Timestamp,
) -> Result<Option<Ping>> {
    let sql = format!(
        "SELECT {} FROM exchange_pings WHERE customer_id = ? AND digest = ? AND expires > ? \
         AND status IN ('offered', 'rejected', 'reserved') ORDER BY expires DESC LIMIT 1",
        Ping::COLUMNS.join(", ")
    );
    let values = vec![customer_id.into(), digest.into(), now.into()];
    Ok(db.fetch_optional(&sql, values).await?)
}

#[derive(bin_common_handler::FromRow)]
struct Claim {
    ping_id: Uuid,
    expires: Timestamp,
}

/// Makes a question this ping's until `until`, unless another ping asks it, or has an answer that stands.
///
/// # Errors
/// 503.
pub(crate) async fn claim(tx: &mut ChangeTx<'_>, ping: &Ping, until: Timestamp) -> Result<bool> {
    let now = tx.now();
    // A row that is there is locked for writing at once: two that first shared it would each wait for the other.
    let where_there = match tx.sql().dialect() {
        Dialect::MySql => "ON DUPLICATE KEY UPDATE digest = digest",
        Dialect::Sqlite => "ON CONFLICT DO NOTHING",
    };
    let sql = format!(
        "INSERT INTO exchange_ping_claims (digest, customer_id, ping_id, expires) VALUES (?, ?, ?, ?) {where_there}"
    );
    let digest = ping.digest.as_str();
    let values = vec![
        digest.into(),
        ping.customer_id.into(),
        ping.id.into(),
        until.into(),
    ];
    tx.sql().execute(&sql, values).await?;
    let sql = format!(
        "SELECT ping_id, expires FROM exchange_ping_claims WHERE digest = ?{}",
        tx.sql().dialect().for_update()
    );
    let found: Option<Claim> = tx.sql().fetch_optional(&sql, vec![digest.into()]).await?;
    let is_free = found.is_some_and(|claim| claim.ping_id == ping.id || claim.expires <= now);
    if is_free {
        let sql = "UPDATE exchange_ping_claims SET ping_id = ?, expires = ? WHERE digest = ?";
        let values = vec![ping.id.into(), until.into(), digest.into()];
        tx.sql().execute(sql, values).await?;
    }
    Ok(is_free)
}

/// The question is nobody's: what this ping was asked or answered stands no more.
///
/// # Errors
/// 503.
pub(crate) async fn release(tx: &mut ChangeTx<'_>, ping: &Ping) -> Result<()> {
    let sql = "DELETE FROM exchange_ping_claims WHERE ping_id = ?";
    tx.sql().execute(sql, vec![ping.id.into()]).await?;
    Ok(())
}

#[derive(bin_common_handler::FromRow)]
struct Id {
    id: Uuid,
}

/// The accepted ping whose call from this number is waited for.
///
/// # Errors
/// 503.
pub(crate) async fn awaited(
    db: &Db,
    customer_id: Uuid,
    call_campaign_id: Uuid,
    from_number: &str,
    now: Timestamp,
) -> Result<Option<Uuid>> {
    let sql = "SELECT id FROM exchange_pings WHERE customer_id = ? AND from_number = ? AND expires > ? \
         AND call_campaign_id = ? AND status = 'reserved' ORDER BY expires LIMIT 1";
    let values = vec![
        customer_id.into(),
        from_number.into(),
        now.into(),
        call_campaign_id.into(),
    ];
    let found: Option<Id> = db.fetch_optional(sql, values).await?;
    Ok(found.map(|row| row.id))
}

/// Whether another ping of this one's caller and campaign is accepted, and its call is waited for.
///
/// # Errors
/// 503.
pub(crate) async fn is_caller_reserved(tx: &mut ChangeTx<'_>, ping: &Ping) -> Result<bool> {
    let sql = "SELECT id FROM exchange_pings WHERE customer_id = ? AND from_number = ? AND expires > ? \
         AND call_campaign_id = ? AND status = 'reserved' AND id <> ? LIMIT 1";
    let values = vec![
        ping.customer_id.into(),
        ping.from_number.as_str().into(),
        tx.now().into(),
        ping.call_campaign_id.into(),
        ping.id.into(),
    ];
    let found: Option<Id> = tx.sql().fetch_optional(sql, values).await?;
    Ok(found.is_some())
}

#[derive(bin_common_handler::FromRow)]
struct Text {
    text: String,
}

/// Whose turn it is in a campaign, as far as it is committed.
///
/// # Errors
/// 503.
pub(crate) async fn counters(tx: &mut ChangeTx<'_>, call_campaign_id: Uuid) -> Result<Counters> {
    let sql = "SELECT counters AS text FROM exchange_rotations WHERE call_campaign_id = ?";
    let values = vec![call_campaign_id.into()];
    let found: Option<Text> = tx.sql().fetch_optional(sql, values).await?;
    found.map_or_else(
        || Ok(Counters::default()),
        |row| serde_json::from_str(&row.text).map_err(Error::internal),
    )
}
