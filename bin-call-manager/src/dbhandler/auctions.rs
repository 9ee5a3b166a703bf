//! Auctions and the bids in them.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Entity, Value, list},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::models::bid::{Bid, BidStatus};

/// The auctions that a buyer bids in, as a condition with its id.
pub(crate) const BID_IN: &str = "EXISTS (SELECT 1 FROM exchange_bids \
    WHERE exchange_bids.auction_id = exchange_auctions.id AND exchange_bids.buyer_id = ?)";

#[derive(bin_common_handler::FromRow)]
struct Count {
    n: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Id {
    #[expect(dead_code, reason = "it is there or not")]
    id: Uuid,
}

/// Whether a buyer bids in an auction.
///
/// # Errors
/// 503.
pub(crate) async fn has_bid(db: &Db, auction_id: Uuid, buyer_id: Uuid) -> Result<bool> {
    let sql = "SELECT id FROM exchange_bids WHERE auction_id = ? AND buyer_id = ? LIMIT 1";
    let values: Vec<Value> = vec![auction_id.into(), buyer_id.into()];
    let found: Option<Id> = db.fetch_optional(sql, values).await?;
    Ok(found.is_some())
}

/// Who bids in an auction, each once, at most `most`.
///
/// # Errors
/// 503.
pub(crate) async fn bidders(
    tx: &mut ChangeTx<'_>,
    auction_id: Uuid,
    most: i64,
) -> Result<Vec<Uuid>> {
    #[derive(bin_common_handler::FromRow)]
    struct Bidder {
        buyer_id: Uuid,
    }
    let sql = "SELECT DISTINCT buyer_id FROM exchange_bids WHERE auction_id = ? LIMIT ?";
    let values = vec![auction_id.into(), most.into()];
    let found: Vec<Bidder> = tx.sql().fetch_all(sql, values).await?;
    Ok(found.into_iter().map(|bidder| bidder.buyer_id).collect())
}

/// Bids of an auction.
///
/// # Errors
/// 503.
pub(crate) async fn bids(tx: &mut ChangeTx<'_>, auction_id: Uuid) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS n FROM exchange_bids WHERE auction_id = ?";
    count(tx, sql, vec![auction_id.into()]).await
}

/// Bids of one buyer in it by request.
///
/// # Errors
/// 503.
pub(crate) async fn bids_of_buyer(
    tx: &mut ChangeTx<'_>,
    auction_id: Uuid,
    buyer_id: Uuid,
) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS n FROM exchange_bids \
        WHERE auction_id = ? AND buyer_id = ? AND profile_id IS NULL";
    count(tx, sql, vec![auction_id.into(), buyer_id.into()]).await
}

async fn count(tx: &mut ChangeTx<'_>, sql: &str, values: Vec<Value>) -> Result<i64> {
    let found: Option<Count> = tx.sql().fetch_optional(sql, values).await?;
    Ok(found.map_or(0, |count| count.n))
}

/// Bids of an auction that are in force.
///
/// # Errors
/// 503.
pub(crate) async fn active_bids(tx: &mut ChangeTx<'_>, auction_id: Uuid) -> Result<Vec<Bid>> {
    let sql = format!(
        "SELECT {} FROM exchange_bids WHERE auction_id = ? AND status = 'active' ORDER BY id",
        Bid::COLUMNS.join(", ")
    );
    Ok(tx.sql().fetch_all(&sql, vec![auction_id.into()]).await?)
}

/// Gives bids a status and a version.
///
/// # Errors
/// 503.
pub(crate) async fn end_bids(
    tx: &mut ChangeTx<'_>,
    bids: &[Bid],
    status: &BidStatus,
    version: Timestamp,
) -> Result<()> {
    for some in bids.chunks(500) {
        let (marks, ids) = list(some.iter().map(|bid| bid.id));
        let sql =
            format!("UPDATE exchange_bids SET status = ?, tm_update = ? WHERE id IN ({marks})");
        let mut values = vec![status.as_str().into(), version.into()];
        values.extend(ids);
        tx.sql().execute(&sql, values).await?;
    }
    Ok(())
}
