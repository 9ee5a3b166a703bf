//! Events of auctions: with who bid in them, so that each of those can be told over its socket.

use bin_common_handler::{
    databasehandler::{ChangeTx, EventPayload},
    models::error::{Error, Result},
};
use serde::Serialize;

use crate::{
    dbhandler::auctions,
    models::auction::{Announced, Auction},
};

/// Buyers that an event names.
const BUYERS_MAX: i64 = 1_000;

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    auction: &'a Auction,
    #[serde(flatten)]
    announced: Announced,
}

/// Announces what became of an auction, once its bids are written.
///
/// # Errors
/// 503.
pub(super) async fn announce(tx: &mut ChangeTx<'_>, kind: &str, auction: &Auction) -> Result<()> {
    let told = Told {
        auction,
        announced: Announced {
            buyer_ids: auctions::bidders(tx, auction.id, BUYERS_MAX).await?,
        },
    };
    let payload = EventPayload {
        resource_id: auction.id,
        customer_id: auction.customer_id,
        version: auction.tm_update,
        data: serde_json::to_string(&told).map_err(Error::internal)?,
    };
    tx.emit_payload(kind, payload).await
}
