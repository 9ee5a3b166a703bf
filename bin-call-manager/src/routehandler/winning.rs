//! What follows a choice: the bid, the hold, the caps, the explanation and the timer, all in the call's transaction.

use std::time::Duration;

use bin_common_handler::{databasehandler::ChangeTx, ids, models::error::Result};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    choose::{Chosen, Winner, Won},
    timers,
};
use crate::{
    choice::explain::Row,
    compliancehandler::sale,
    dbhandler::market,
    ledgerhandler::{self, Reference},
    models::{
        account::CapCounts,
        bid::{self, Bid, BidStatus},
        call::Call,
        callcampaign::CallCampaign,
        callstatus::CallStatus,
        ledgerentry::ReferenceType,
        ping::{Ping, PingStatus},
        posting,
        usage::zone,
    },
};

/// Beyond the time that a buyer may ring, for reports on their way.
const GRACE_SECONDS: u64 = 10;

/// Writes down what was chosen for a locked call; without a winner only why. The caller announces what it means.
///
/// # Errors
/// 503.
pub(crate) async fn settle(
    tx: &mut ChangeTx<'_>,
    call: &mut Call,
    campaign: &CallCampaign,
    mut chosen: Chosen,
) -> Result<Vec<Row>> {
    let ping = chosen.ping.take();
    let winner = match chosen.won.take() {
        Some(won) => Some(win(tx, call, campaign, won, ping.as_ref()).await?),
        None => None,
    };
    if let Some(winner) = &winner
        && let Some(row) = chosen.rows.first_mut()
    {
        row.bid_id = Some(winner.bid_id);
    }
    market::save_explanation(tx, call, &chosen.explanation(winner)).await?;
    Ok(chosen.rows)
}

async fn win(
    tx: &mut ChangeTx<'_>,
    call: &mut Call,
    campaign: &CallCampaign,
    won: Won,
    ping: Option<&Ping>,
) -> Result<Winner> {
    let (buyer_id, price, effective_bid) = (won.account.id, won.price, won.effective_bid);
    let bid = write_bid(tx, call, &won).await?;
    hold(tx, won, bid.id).await?;
    let now = tx.next_version(call.tm_update);
    call.status = CallStatus::Queued;
    call.buyer_id = Some(buyer_id);
    call.bid_id = Some(bid.id);
    call.price = Some(price);
    let promised = ping.map_or(0, |ping| ping.amount);
    call.payout = Some(campaign.payout.unwrap_or(price).max(promised));
    call.destination.clone_from(&bid.destination);
    call.conversion = Json(Some(campaign.conversion.0));
    call.reason = String::new();
    call.tm_route = Some(now);
    call.tm_update = now;
    tx.update(call).await?;
    sale::placed(tx, call).await?;
    // Nobody rings before the call is there; until then the ping's own end is waited for.
    if ping.is_none_or(|ping| ping.status == PingStatus::Used) {
        timers::await_answer(tx, call, ring_time(campaign)).await?;
    }
    Ok(Winner {
        buyer_id,
        bid_id: bid.id,
        effective_bid,
        price,
    })
}

/// How long a buyer has until it must have answered.
pub(crate) fn ring_time(campaign: &CallCampaign) -> Duration {
    let seconds = u64::try_from(campaign.ring_seconds).unwrap_or_default();
    Duration::from_secs(seconds + GRACE_SECONDS)
}

/// Sets the price aside and counts the win.
async fn hold(tx: &mut ChangeTx<'_>, won: Won, bid_id: Uuid) -> Result<()> {
    let mut account = won.account;
    let now = tx.now();
    let (counts, zone) = (account.cap_counts, zone(&account.timezone));
    account.used.0.win(counts, now, zone);
    let reference = Reference {
        kind: ReferenceType::Bid,
        id: bid_id,
    };
    let postings = posting::hold(won.price);
    ledgerhandler::post(tx, reference, &postings, &mut account, None).await?;
    ledgerhandler::save(tx, &mut account).await
}

/// The bid that won: the one that was placed while it is in force, else one of its own for this turn.
async fn write_bid(tx: &mut ChangeTx<'_>, call: &Call, won: &Won) -> Result<Bid> {
    let now = tx.now();
    let placed = won.placed.as_ref();
    let is_in_force = placed.is_some_and(|bid| bid.status == BidStatus::Active);
    let mut bid = placed.cloned().unwrap_or_else(|| Bid {
        customer_id: call.customer_id,
        call_id: call.id,
        call_campaign_id: call.call_campaign_id,
        buyer_id: won.account.id,
        profile_id: won.profile.as_ref().map(|known| known.row.id),
        amount: won.amount,
        currency: won.account.currency.clone(),
        ..Bid::default()
    });
    if bid.destination.is_empty()
        && let Some(profile) = &won.profile
    {
        bid.destination.clone_from(&profile.row.destination);
    }
    bid.status = BidStatus::Won;
    bid.price = won.price;
    bid.effective_bid = won.effective_bid;
    bid.tm_won = Some(now);
    bid.counted = Some(won.account.cap_counts == CapCounts::Attempt);
    if is_in_force {
        bid.tm_update = tx.next_version(bid.tm_update);
        tx.update(&bid).await?;
    } else {
        (bid.id, bid.tm_create, bid.tm_update) = (ids::next(), now, now);
        tx.insert(&bid).await?;
    }
    tx.emit(bid::WON, &bid, bid.customer_id).await?;
    Ok(bid)
}
