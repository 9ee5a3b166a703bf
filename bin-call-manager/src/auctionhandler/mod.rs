//! The rules of auctions: opened under the campaign's terms, sealed, closed by request or by a durable timer,
//! whichever comes first, and settled once.

mod bidding;
mod closing;
mod telling;

use bidding::BIDS_OF_BUYER_MAX;
pub(crate) use bidding::{BidCreate, bids, place};
pub(crate) use closing::{cancel_of, close};

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::{ChangeTx, ListQuery},
    ids,
    listenhandler::List,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use serde::Deserialize;
use sqlx::types::Json;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

use crate::{
    app::App,
    callhandler::{self, invalid_state},
    choice::terms::{AuctionTerms, Form},
    compliancehandler::sale,
    dbhandler::auctions,
    models::{
        auction::{self, Auction, AuctionForm, AuctionStatus},
        bid::{self, Bid, BidStatus},
        call::Call,
        callstatus::CallStatus,
        prices::Prices,
    },
    routehandler::{campaign, choose},
    standing::{Known, Standing},
    viewer::Viewer,
};

/// When an auction takes no more bids.
const CLOSE: &str = "auction_close";

/// Body of `POST /v1/auctions`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct AuctionCreate {
    call_id: Uuid,
}

/// Names the timer's handler, at start.
pub(crate) fn start(ctx: &ManagerContext, standing: &Standing) {
    ctx.timers.on_with(CLOSE, standing.clone(), closing::due);
}

/// The answer for what is not there, or not the caller's.
fn not_found() -> Error {
    Error::not_found("AUCTION_NOT_FOUND", "The auction was not found.")
}

/// Opens an auction for a pending call; standing profiles bid at once.
///
/// # Errors
/// 403 with the rule where the law forbids it meanwhile; 404; 409 when the call has a buyer or an auction; 503.
pub(crate) async fn open(app: &App, ctx: &RequestContext, body: &AuctionCreate) -> Result<Auction> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    let mut tx = app.store.begin(ctx).await?;
    let mut call = callhandler::lock(&mut tx, ctx, viewer, body.call_id).await?;
    if call.status != CallStatus::Pending || call.auction_id.is_some() {
        return Err(invalid_state(
            &call,
            "Only a pending call without an auction can be auctioned.",
        ));
    }
    let campaign = campaign(&mut tx, &call).await?;
    let law = sale::refuse(&mut tx, &app.dnc, &call, &campaign).await?;
    if let Some(refusal) = law {
        return tx.commit_refusal(refusal).await;
    }
    let bidders = Box::pin(choose::bidders(&mut tx, &app.standing, &call, &campaign)).await?;
    let terms = campaign.auction.0.unwrap_or_default();
    let auction = begun(&call, &terms, Prices::of(&campaign), tx.now());
    tx.insert(&auction).await?;
    call.auction_id = Some(auction.id);
    call.tm_update = tx.next_version(call.tm_update);
    tx.update(&call).await?;
    place_standing(&mut tx, &auction, bidders).await?;
    tx.schedule(CLOSE, auction.id, auction.tm_end, &()).await?;
    telling::announce(&mut tx, auction::STARTED, &auction).await?;
    tx.commit(auction).await
}

fn begun(
    call: &Call,
    terms: &AuctionTerms,
    prices: Json<Option<Prices>>,
    now: Timestamp,
) -> Auction {
    let window = Duration::from_millis(terms.window_ms.into());
    let tm_end = now.plus(window);
    Auction {
        id: ids::next(),
        customer_id: call.customer_id,
        call_id: call.id,
        call_campaign_id: call.call_campaign_id,
        seller_id: call.seller_id,
        form: match terms.form {
            Form::FirstPrice => AuctionForm::FirstPrice,
            Form::SecondPrice => AuctionForm::SecondPrice,
        },
        reserve: terms.reserve,
        increment: terms.increment,
        prices,
        currency: call.currency.clone(),
        soft_close_ms: terms.soft_close_ms.into(),
        status: AuctionStatus::Active,
        tm_end,
        tm_end_max: tm_end.plus(window),
        bid_id: None,
        tm_create: now,
        tm_update: now,
    }
}

/// The best standing bids of each buyer, in the order that they came in: all of a buyer's others are worth nothing, as a
/// call goes to a buyer once.
fn few_of_each(bidders: Vec<(Arc<Known>, i64)>) -> Vec<(Arc<Known>, i64)> {
    let mut amounts: BTreeMap<Uuid, Vec<(Reverse<i64>, usize)>> = BTreeMap::new();
    for (at, (known, amount)) in bidders.iter().enumerate() {
        let of_buyer = amounts.entry(known.row.buyer_id).or_default();
        of_buyer.push((Reverse(*amount), at));
    }
    let mut kept = BTreeSet::new();
    for mut of_buyer in amounts.into_values() {
        of_buyer.sort_unstable();
        kept.extend(of_buyer.iter().take(BIDS_OF_BUYER_MAX).map(|(_, at)| *at));
    }
    bidders
        .into_iter()
        .enumerate()
        .filter(|(at, _)| kept.contains(at))
        .map(|(_, bidder)| bidder)
        .collect()
}

async fn place_standing(
    tx: &mut ChangeTx<'_>,
    auction: &Auction,
    bidders: Vec<(Arc<Known>, i64)>,
) -> Result<()> {
    let bids: Vec<Bid> = few_of_each(bidders)
        .into_iter()
        .map(|(known, amount)| Bid {
            id: ids::next(),
            buyer_id: known.row.buyer_id,
            profile_id: Some(known.row.id),
            amount,
            destination: known.row.destination.clone(),
            ..blank(auction)
        })
        .collect();
    tx.insert_all(&bids).await?;
    tx.announce_all(bid::PLACED, &bids, auction.customer_id)
        .await
}

/// A bid in force, without its buyer and amount.
fn blank(auction: &Auction) -> Bid {
    Bid {
        customer_id: auction.customer_id,
        call_id: auction.call_id,
        auction_id: Some(auction.id),
        call_campaign_id: auction.call_campaign_id,
        currency: auction.currency.clone(),
        status: BidStatus::Active,
        tm_create: auction.tm_create,
        tm_update: auction.tm_create,
        ..Bid::default()
    }
}

/// An auction that the caller may see: a seller its own, a buyer those that it bids in.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Auction> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    let found = app.store.get::<Auction>(id).await?;
    let auction = found
        .filter(|auction| ctx.scope.allows(auction.customer_id))
        .ok_or_else(not_found)?;
    let is_seen = match viewer {
        Viewer::Buyer(own) => auctions::has_bid(&app.store.db, id, own).await?,
        viewer => viewer.sees(None, Some(auction.seller_id)),
    };
    if is_seen {
        Ok(view(auction, viewer))
    } else {
        Err(not_found())
    }
}

/// Whose bid won is the seller's no more than another buyer's; whose call it is, no buyer's.
pub(crate) fn view(mut auction: Auction, viewer: Viewer) -> Auction {
    if viewer != Viewer::Operator {
        auction.bid_id = None;
    }
    if matches!(viewer, Viewer::Buyer(_)) {
        auction.seller_id = Uuid::nil();
    }
    auction
}

pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<Auction>> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    match viewer {
        Viewer::Operator => {}
        Viewer::Seller(id) => query = query.matching("seller_id", id),
        Viewer::Buyer(_) if wanted.filters.contains_key("seller_id") => return Ok(Vec::new()),
        Viewer::Buyer(id) => query = query.confined(auctions::BID_IN, vec![id.into()]),
    }
    let rows = app
        .store
        .db
        .list(&query, |row: &Auction| row.tm_create)
        .await?;
    Ok(rows.into_iter().map(|row| view(row, viewer)).collect())
}
