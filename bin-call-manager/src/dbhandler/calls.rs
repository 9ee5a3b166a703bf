//! Calls by what others call them, and how many there were.

use bin_common_handler::{
    databasehandler::{Db, Entity, Value, list},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::models::{
    call::{Call, Source, reference_key},
    callcampaign::CallCampaign,
};

#[derive(bin_common_handler::FromRow)]
struct Id {
    id: Uuid,
}

/// Calls made before `until` that wait for a buyer and are in no auction, of all customers, oldest first.
///
/// # Errors
/// 503.
pub(crate) async fn unsold(db: &Db, until: Timestamp, most: usize) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM exchange_calls WHERE status = 'pending' AND tm_create < ? \
        AND auction_id IS NULL ORDER BY tm_create LIMIT ?";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let found: Vec<Id> = db.fetch_all(sql, vec![until.into(), most.into()]).await?;
    Ok(found.into_iter().map(|row| row.id).collect())
}

/// How many outbound calls were offered to a buyer and have ended, and how many of them were answered.
#[derive(Default, bin_common_handler::FromRow)]
pub(crate) struct Ended {
    pub calls: i64,
    pub answered: i64,
}

/// The outbound calls of a campaign since then.
///
/// # Errors
/// 503.
pub(crate) async fn ended(db: &Db, campaign: &CallCampaign, since: Timestamp) -> Result<Ended> {
    let sql = "SELECT COUNT(*) AS calls, COUNT(tm_answer) AS answered FROM exchange_calls \
        WHERE customer_id = ? AND tm_create > ? AND call_campaign_id = ? AND direction = 'outbound' \
        AND tm_route IS NOT NULL AND tm_end IS NOT NULL";
    let values = vec![
        campaign.customer_id.into(),
        since.into(),
        campaign.id.into(),
    ];
    let counts: Option<Ended> = db.fetch_optional(sql, values).await?;
    Ok(counts.unwrap_or_default())
}

/// The customer's calls of these sources with this reference: at most one of each.
///
/// # Errors
/// 503.
pub(crate) async fn by_reference(
    db: &Db,
    customer_id: Uuid,
    sources: &[Source],
    reference: &str,
) -> Result<Vec<Call>> {
    let (marks, sources) = list(sources.to_vec());
    let sql = format!(
        "SELECT {} FROM exchange_calls WHERE customer_id = ? AND source IN ({marks}) AND reference = ?",
        Call::COLUMNS.join(", ")
    );
    let mut values: Vec<Value> = vec![customer_id.into()];
    values.extend(sources);
    values.push(reference_key(reference).into());
    Ok(db.fetch_all(&sql, values).await?)
}
