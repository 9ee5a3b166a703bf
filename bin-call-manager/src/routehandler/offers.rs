//! Calls that were pinged before: what endpoints answered stands beside the profiles that stand, and what the seller
//! was told is kept.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use uuid::Uuid;

use super::{
    leadingout::LeadingOut,
    market::{Market, Offer},
};
use crate::{
    choice::{
        Counters, Reach, Terms,
        explain::{Row, explain},
        terms::AuctionTerms,
    },
    dbhandler::pings,
    models::{
        account::Account,
        bid::{Bid, BidStatus},
        bidprofile::BidProfile,
        call::Call,
        callcampaign::CallCampaign,
        ping::Ping,
    },
    standing::Standing,
};

/// The ping that a call was made of.
///
/// # Errors
/// 503.
pub(super) async fn ping_of(tx: &mut ChangeTx<'_>, call: &Call) -> Result<Option<Ping>> {
    match call.ping_id {
        Some(id) => tx.get::<Ping>(id).await,
        None => Ok(None),
    }
}

/// No price is less than what the seller was told, unless the campaign itself says what a seller gets: a bidder that
/// falls through must not cost the exchange money.
pub(super) fn keep_promise(terms: &mut Terms, campaign: &CallCampaign, ping: &Ping) {
    if campaign.payout.is_some() || campaign.revenue.is_some() {
        return;
    }
    let auction = terms.auction.unwrap_or_default();
    terms.auction = Some(AuctionTerms {
        reserve: auction.reserve.max(ping.amount),
        ..auction
    });
}

/// What a profile's endpoint answered to a ping, as a bid.
pub(super) fn answer_of(row: &BidProfile, ping: &Ping, call: &Call) -> Option<Bid> {
    let mut answers = ping.answers.0.iter();
    let answer = answers.find(|answer| answer.profile_id == row.id)?;
    Some(Bid {
        // In no table yet; among equals it is ranked as its profile would be.
        id: row.id,
        customer_id: call.customer_id,
        call_id: call.id,
        call_campaign_id: call.call_campaign_id,
        buyer_id: row.buyer_id,
        profile_id: Some(row.id),
        amount: answer.amount,
        currency: ping.currency.clone(),
        destination: answer.destination.clone(),
        status: BidStatus::Pending,
        expires: Some(answer.expires),
        tm_create: row.tm_create,
        ..Bid::default()
    })
}

/// Why a candidate is out whose destination may not be called.
pub(super) fn refused_row(
    account: Option<&Account>,
    buyer_id: Uuid,
    profile_id: Option<Uuid>,
) -> Row {
    let name = account.map_or("The buyer", |account| account.name.as_str());
    Row {
        buyer_id,
        profile_id,
        bid_id: None,
        amount: None,
        effective_bid: None,
        rank: None,
        excluded_by: Some("DESTINATION_NOT_ALLOWED"),
        detail: None,
        text: format!(
            "{name} is out because its destination is missing, a premium number, a campaign's own, or not in its countries."
        ),
    }
}

/// The profiles whose endpoints are worth asking: those that could have the call if they bid the least
/// that wins.
///
/// # Errors
/// 503.
pub(crate) async fn askable(
    tx: &mut ChangeTx<'_>,
    standing: &Standing,
    call: &Call,
    campaign: &CallCampaign,
) -> Result<Vec<BidProfile>> {
    let offer = Offer {
        call,
        campaign,
        ping: None,
        at: tx.now(),
    };
    let mut market = Market::load(tx, standing, offer, Some(Reach::Fitting)).await?;
    let least = market.terms.least();
    market.bid_for_endpoints(least);
    let buyers = market.buyers()?;
    let candidates = market.candidates(&buyers);
    let decision = market.decide(&candidates, &mut Counters::default(), 0, true);
    let ranked: Vec<usize> = decision
        .ranked
        .iter()
        .map(|ranked| ranked.candidate)
        .collect();
    Ok(ranked
        .into_iter()
        .filter_map(|at| Some(market.entries.get(at)?.standing.as_ref()?.row.clone()))
        .filter(|row| row.endpoint.0.is_some())
        .collect())
}

/// What a call would bring now, and why.
pub(crate) struct Preview {
    /// What the winner would pay, in minor units; nothing = nobody would take it.
    pub price: Option<i64>,
    /// When the winner's bid ends, where it does.
    pub expires: Option<bin_common_handler::models::time::Timestamp>,
    pub rows: Vec<Row>,
}

/// Decides about a call that is not made yet, and holds nothing. It takes nobody's turn.
///
/// # Errors
/// 503.
pub(crate) async fn preview(
    tx: &mut ChangeTx<'_>,
    standing: &Standing,
    call: &Call,
    campaign: &CallCampaign,
    ping: &Ping,
) -> Result<Preview> {
    let offer = Offer {
        call,
        campaign,
        ping: Some(ping),
        at: tx.now(),
    };
    let mut market = Market::load(tx, standing, offer, None).await?;
    let counters = pings::counters(tx, campaign.id).await?;
    let mut leading_out = LeadingOut::default();
    loop {
        let buyers = market.buyers()?;
        let candidates = market.candidates(&buyers);
        let decision = market.decide(&candidates, &mut counters.clone(), 0, false);
        if let Some(wider) = market.wider(&decision, &candidates) {
            drop(candidates);
            market = Market::load(tx, standing, offer, Some(wider)).await?;
            continue;
        }
        drop(candidates);
        if leading_out
            .refuse(tx, &mut market, &decision, campaign)
            .await?
        {
            continue;
        }
        let mut rows = explain(&decision, &market.terms, &market.candidates(&buyers));
        market.finish(&mut rows, true);
        let winner = decision.winner;
        let bid_of = |at: usize| market.entries.get(at)?.bid_expires();
        return Ok(Preview {
            price: winner.map(|winner| winner.price),
            expires: winner.and_then(|winner| bid_of(winner.candidate)),
            rows,
        });
    }
}
