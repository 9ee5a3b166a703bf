//! How an auction ends: once, by whoever comes first.

use bin_common_handler::{
    context::RequestContext, databasehandler::ChangeTx, models::error::Result, timerhandler::Timer,
};
use uuid::Uuid;

use super::{CLOSE, not_found, telling, view};
use crate::{
    app::App,
    compliancehandler::sale,
    dbhandler::auctions,
    models::{
        auction::{self, Auction, AuctionStatus},
        bid::{self, Bid, BidStatus},
        call::{self, Call},
        callstatus::CallStatus,
    },
    routehandler::{campaign, choose, ending, winning},
    standing::Standing,
    turns,
    viewer::Viewer,
};

/// Closes an auction before its time; closing what is closed changes nothing.
///
/// # Errors
/// 404; 503.
pub(crate) async fn close(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Auction> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    let turn = turns::without(ctx);
    loop {
        match Box::pin(close_once(app, ctx, viewer, id)).await {
            Err(error) => turn.again(error).await?,
            closed => return closed,
        }
    }
}

/// One transaction.
async fn close_once(app: &App, ctx: &RequestContext, viewer: Viewer, id: Uuid) -> Result<Auction> {
    let mut tx = app.store.begin(ctx).await?;
    let (call, mut auction) = lock_both(&mut tx, id).await?.ok_or_else(not_found)?;
    if !ctx.scope.allows(auction.customer_id) || !viewer.sees(None, Some(auction.seller_id)) {
        return Err(not_found());
    }
    if auction.status == AuctionStatus::Active {
        settle(&mut tx, &app.standing, call, &mut auction).await?;
    }
    tx.commit(view(auction, viewer)).await
}

/// The time of an auction is over.
pub(super) async fn due(standing: Standing, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some((call, mut auction)) = lock_both(tx, timer.entity_id).await? else {
        return Ok(());
    };
    if auction.status != AuctionStatus::Active {
        return Ok(());
    }
    if auction.tm_end > tx.now() {
        // A late bid moved the end while this waited for the lock.
        return tx.schedule(CLOSE, auction.id, auction.tm_end, &()).await;
    }
    settle(tx, &standing, call, &mut auction).await
}

/// The call first, as everybody does.
async fn lock_both(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<Option<(Call, Auction)>> {
    let Some(auction) = tx.get::<Auction>(id).await? else {
        return Ok(None);
    };
    let call = tx.lock::<Call>(auction.call_id).await?;
    let auction = tx.lock::<Auction>(id).await?;
    Ok(call.zip(auction))
}

async fn settle(
    tx: &mut ChangeTx<'_>,
    standing: &Standing,
    mut call: Call,
    auction: &mut Auction,
) -> Result<()> {
    tx.cancel(CLOSE, auction.id).await?;
    let is_open = call.status == CallStatus::Pending && call.auction_id == Some(auction.id);
    if !is_open {
        return finish(tx, auction, AuctionStatus::Canceled).await;
    }
    let mut campaign = match campaign(tx, &call).await {
        Ok(campaign) => campaign,
        // A database that is away cancels no auction.
        Err(error) if error.status().code() >= 500 => return Err(error),
        Err(error) => return stop(tx, call, auction, error.reason()).await,
    };
    auction.put_terms(&mut campaign);
    let rule = sale::rule_against(tx, &standing.dnc, &call, &campaign).await?;
    if let Some(rule) = rule {
        return stop(tx, call, auction, &rule).await;
    }
    // What was in force when it ended wins, however late it is settled.
    let at = auction.tm_end.min(tx.now());
    let chosen = Box::pin(choose::choose_at(tx, standing, &call, &campaign, at)).await?;
    let has_winner = chosen.won.is_some();
    Box::pin(winning::settle(tx, &mut call, &campaign, chosen)).await?;
    if has_winner {
        auction.bid_id = call.bid_id;
        tx.emit(call::ROUTED, &call, call.customer_id).await?;
        return finish(tx, auction, AuctionStatus::Completed).await;
    }
    // It may be routed, or auctioned again.
    call.auction_id = None;
    "NO_BIDS_AVAILABLE".clone_into(&mut call.reason);
    let was = call.status;
    ending::announce(tx, &mut call, was).await?;
    finish(tx, auction, AuctionStatus::Expired).await
}

/// Nobody wins a call that the law forbids meanwhile, or of a seller who may not trade; it waits as it was, and nobody can
/// sell it while that holds.
async fn stop(
    tx: &mut ChangeTx<'_>,
    mut call: Call,
    auction: &mut Auction,
    reason: &str,
) -> Result<()> {
    call.auction_id = None;
    reason.clone_into(&mut call.reason);
    let was = call.status;
    ending::announce(tx, &mut call, was).await?;
    finish(tx, auction, AuctionStatus::Canceled).await
}

/// Ends a locked auction and the bids that are still in force.
async fn finish(tx: &mut ChangeTx<'_>, auction: &mut Auction, status: AuctionStatus) -> Result<()> {
    let now = tx.next_version(auction.tm_update);
    auction.status = status;
    auction.tm_update = now;
    auction.tm_end = auction.tm_end.min(now);
    tx.update(auction).await?;
    let left = auctions::active_bids(tx, auction.id).await?;
    let is_over = |bid: &Bid| bid.expires.is_some_and(|expires| expires <= auction.tm_end);
    let (expired, left): (Vec<Bid>, Vec<Bid>) = left.into_iter().partition(is_over);
    end_bids(tx, expired, BidStatus::Expired).await?;
    let became = match status {
        AuctionStatus::Canceled => BidStatus::Canceled,
        _ => BidStatus::Lost,
    };
    end_bids(tx, left, became).await?;
    telling::announce(tx, auction::CLOSED, auction).await
}

async fn end_bids(tx: &mut ChangeTx<'_>, mut bids: Vec<Bid>, status: BidStatus) -> Result<()> {
    let Some(customer_id) = bids.first().map(|bid| bid.customer_id) else {
        return Ok(());
    };
    // One version for all: later than any that they had.
    let latest = bids.iter().map(|bid| bid.tm_update).max();
    let now = tx.next_version(latest.unwrap_or_default());
    for bid in &mut bids {
        bid.status = status;
        bid.tm_update = now;
    }
    auctions::end_bids(tx, &bids, &status, now).await?;
    let kind = match status {
        BidStatus::Expired => bid::EXPIRED,
        BidStatus::Lost => bid::LOST,
        // Nobody won: the auction's event says that it was canceled.
        _ => return Ok(()),
    };
    tx.announce_all(kind, &bids, customer_id).await
}

/// The call ends before its auction: nobody can win any more.
///
/// # Errors
/// 503.
pub(crate) async fn cancel_of(tx: &mut ChangeTx<'_>, call: &Call) -> Result<()> {
    let Some(id) = call.auction_id else {
        return Ok(());
    };
    let Some(mut auction) = tx.lock::<Auction>(id).await? else {
        return Ok(());
    };
    if auction.status != AuctionStatus::Active {
        return Ok(());
    }
    tx.cancel(CLOSE, id).await?;
    finish(tx, &mut auction, AuctionStatus::Canceled).await
}
