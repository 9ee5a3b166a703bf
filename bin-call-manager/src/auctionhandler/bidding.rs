//! Bids by request, beside those of standing profiles.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, ListQuery},
    ids,
    listenhandler::List,
    models::{
        check::in_range,
        error::{Error, Result},
        identity::optional_uuid,
        text::null_is_default,
        time::Timestamp,
    },
};
use serde::Deserialize;
use uuid::Uuid;

use super::{CLOSE, blank, not_found};
use crate::{
    app::App,
    bidprofilehandler::ensure_leads_out,
    callcampaignhandler::party,
    choice::{
        Terms,
        auction::{BidRefusal, accept, end_after_bid},
    },
    dbhandler::auctions,
    models::{
        account::{AMOUNT_MAX, AccountType},
        auction::{Auction, AuctionStatus},
        bid::{self, Bid},
        bidprofile::destination,
        callcampaign::CallCampaign,
    },
    routehandler::{choose, placed_bid},
    viewer::Viewer,
};

/// Bids of one auction.
const BIDS_MAX: i64 = 5_000;
/// Bids of one buyer in it by request, and as many of its standing profiles: nobody fills an auction alone.
pub(super) const BIDS_OF_BUYER_MAX: usize = 20;

/// Body of `POST /v1/auctions/<auction-id>/bids`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct BidCreate {
    /// Left out, it is the account of the key.
    #[serde(default, deserialize_with = "optional_uuid")]
    buyer_id: Option<Uuid>,
    amount: i64,
    currency: String,
    #[serde(default)]
    expires: Option<Timestamp>,
    /// Where the call goes if it wins: E.164 or `sip:`.
    #[serde(default, deserialize_with = "null_is_default")]
    destination: String,
}

/// Places a bid in an open auction.
///
/// # Errors
/// 400 `BID_TOO_LOW`, `CURRENCY_MISMATCH`, `BID_EXPIRED`, or naming the field; 404; 409 `AUCTION_EXPIRED`; 429 `TOO_MANY_BIDS`; 503.
pub(crate) async fn place(
    app: &App,
    ctx: &RequestContext,
    auction_id: Uuid,
    body: &BidCreate,
) -> Result<Bid> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    let buyer_id = bidder(viewer, body)?;
    in_range("amount", body.amount, 0, AMOUNT_MAX)?;
    let mut tx = app.store.begin(ctx).await?;
    let found = tx.lock::<Auction>(auction_id).await?;
    let mut auction = found
        .filter(|auction| ctx.scope.allows(auction.customer_id))
        .ok_or_else(not_found)?;
    let buyer = party(&mut tx, auction.customer_id, buyer_id, AccountType::Buyer).await?;
    if !buyer.is_active() {
        return Err(Error::failed_precondition(
            "INVALID_ACCOUNT_STATE",
            "The account is not active.",
        )
        .with_detail(serde_json::json!({"status": buyer.status})));
    }
    if auction.status != AuctionStatus::Active {
        return Err(refused(BidRefusal::AuctionExpired, &auction));
    }
    // What it bids in is compared below; it pays from its account.
    if buyer.currency != auction.currency {
        return Err(refused(BidRefusal::CurrencyMismatch, &auction));
    }
    ensure_room(&mut tx, auction.id, buyer_id).await?;
    let now = tx.now();
    let bid = Bid {
        id: ids::next(),
        buyer_id,
        amount: body.amount,
        currency: body.currency.clone(),
        expires: body.expires,
        destination: destination(&body.destination)?,
        tm_create: now,
        tm_update: now,
        ..blank(&auction)
    };
    ensure_leads_out(&mut tx, bid.customer_id, &bid.destination).await?;
    let terms = terms_of(&mut tx, &auction).await?;
    accept(&placed_bid(&bid)?, &terms, auction.tm_end, now)
        .map_err(|refusal| refused(refusal, &auction))?;
    tx.insert(&bid).await?;
    soft_close(&mut tx, &mut auction, now).await?;
    tx.emit(bid::PLACED, &bid, bid.customer_id).await?;
    tx.commit(bid).await
}

/// Whose bid it is; a seller bids for nobody.
fn bidder(viewer: Viewer, body: &BidCreate) -> Result<Uuid> {
    match (viewer, body.buyer_id) {
        (Viewer::Seller(_), _) => Err(not_found()),
        (Viewer::Buyer(own), Some(id)) if id != own => Err(Error::permission_denied(
            "ACCOUNT_MISMATCH",
            "buyer_id is not the account of this key; leave it out.",
        )),
        (Viewer::Buyer(own), _) => Ok(own),
        (Viewer::Operator, Some(id)) => Ok(id),
        (Viewer::Operator, None) => Err(bin_common_handler::models::check::wrong(
            "buyer_id",
            "must name a buyer",
        )),
    }
}

fn refused(refusal: BidRefusal, auction: &Auction) -> Error {
    match refusal {
        BidRefusal::AuctionExpired => {
            Error::failed_precondition(refusal.reason(), "The auction takes no more bids.")
                .with_detail(
                    serde_json::json!({"status": auction.status, "tm_end": auction.tm_end}),
                )
        }
        BidRefusal::CurrencyMismatch => {
            Error::invalid_argument(refusal.reason(), "The auction is in another currency.")
        }
        BidRefusal::BidTooLow => Error::invalid_argument(
            refusal.reason(),
            "amount is below the reserve or the fixed price.",
        ),
        BidRefusal::BidExpired => {
            Error::invalid_argument(refusal.reason(), "expires is in the past.")
        }
    }
}

async fn ensure_room(tx: &mut ChangeTx<'_>, auction_id: Uuid, buyer_id: Uuid) -> Result<()> {
    let own_max = i64::try_from(BIDS_OF_BUYER_MAX).unwrap_or(i64::MAX);
    if auctions::bids_of_buyer(tx, auction_id, buyer_id).await? >= own_max {
        return Err(Error::resource_exhausted(
            "TOO_MANY_BIDS",
            "The buyer has as many bids in the auction as it may have.",
        ));
    }
    if auctions::bids(tx, auction_id).await? >= BIDS_MAX {
        return Err(Error::resource_exhausted(
            "TOO_MANY_BIDS",
            "The auction has as many bids as it may have.",
        ));
    }
    Ok(())
}

/// The terms under which an auction was opened, whatever the campaign says by now.
async fn terms_of(tx: &mut ChangeTx<'_>, auction: &Auction) -> Result<Terms> {
    let found = tx.get::<CallCampaign>(auction.call_campaign_id).await?;
    let mut campaign = found.ok_or_else(not_found)?;
    auction.put_terms(&mut campaign);
    choose::terms(&campaign)
}

/// A late bid moves the end, up to the latest.
async fn soft_close(tx: &mut ChangeTx<'_>, auction: &mut Auction, now: Timestamp) -> Result<()> {
    let end = end_after_bid(&auction.terms(), auction.tm_create, auction.tm_end, now);
    if end == auction.tm_end {
        return Ok(());
    }
    auction.tm_end = end;
    auction.tm_update = tx.next_version(auction.tm_update);
    tx.update(auction).await?;
    tx.schedule(CLOSE, auction.id, end, &()).await
}

/// Bids that the caller may see: a buyer its own, a seller none. They are sealed.
pub(crate) async fn bids(
    app: &App,
    ctx: &RequestContext,
    auction_id: Option<Uuid>,
    wanted: List,
) -> Result<Vec<Bid>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    if let Some(id) = auction_id {
        query = query.matching("auction_id", id);
    }
    match Viewer::of(&app.store, ctx).await? {
        Viewer::Operator => {}
        Viewer::Buyer(id) => query = query.matching("buyer_id", id),
        Viewer::Seller(_) => return Ok(Vec::new()),
    }
    app.store.db.list(&query, |bid: &Bid| bid.tm_create).await
}
