//! Choosing a buyer inside a transaction: reads the facts, asks the decision, holds the winner's account, and asks
//! again where its row had changed meanwhile. So what was decided stands on locked rows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bin_common_handler::{
    databasehandler::ChangeTx,
    models::{error::Result, time::Timestamp},
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{
    facts,
    leadingout::LeadingOut,
    market::{Market, Offer},
    offers,
};
use crate::{
    choice::{
        Counters, Reach, Terms,
        explain::{Row, explain, text},
    },
    dbhandler::{frauds, market},
    models::{
        account::Account,
        bid::Bid,
        call::Call,
        callcampaign::{CallCampaign, Strategy},
        ping::Ping,
    },
    standing::{Known, Standing},
};

/// Who won, on a locked account.
pub(crate) struct Won {
    pub account: Account,
    pub profile: Option<Arc<Known>>,
    /// A bid that was placed for it.
    pub placed: Option<Bid>,
    pub amount: i64,
    pub price: i64,
    pub effective_bid: i64,
}

/// What was decided.
pub(crate) struct Chosen {
    pub won: Option<Won>,
    pub rows: Vec<Row>,
    pub strategy: &'static str,
    /// The ping that the call was made of.
    pub ping: Option<Ping>,
}

/// Who won, for the explanation.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Winner {
    pub buyer_id: Uuid,
    pub bid_id: Uuid,
    pub effective_bid: i64,
    pub price: i64,
}

/// Why a call went where it went, as it is kept.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Explanation<'c> {
    winner: Option<Winner>,
    strategy: &'static str,
    candidates: &'c [Row],
    compliance: Option<()>,
    fraud: Option<()>,
    text: String,
}

impl Explanation<'_> {
    /// Of a call that ended before anybody was asked.
    pub(crate) const fn of_nobody(strategy: &'static str, text: String) -> Self {
        Self {
            winner: None,
            strategy,
            candidates: &[],
            compliance: None,
            fraud: None,
            text,
        }
    }
}

impl Chosen {
    /// Whether the winner has an endpoint that is to be told.
    pub(crate) fn has_endpoint(&self) -> bool {
        let profile = self.won.as_ref().and_then(|won| won.profile.as_ref());
        profile.is_some_and(|known| known.row.endpoint.0.is_some())
    }

    /// As it is kept; `winner` names the bid that was made of the choice.
    pub(crate) fn explanation(&self, winner: Option<Winner>) -> Explanation<'_> {
        Explanation {
            winner,
            strategy: self.strategy,
            candidates: &self.rows,
            compliance: None,
            fraud: None,
            text: text(&self.rows),
        }
    }
}

/// Chooses a buyer for a locked call, among the bids of its auction where it has one.
///
/// # Errors
/// 503.
pub(crate) async fn choose(
    tx: &mut ChangeTx<'_>,
    standing: &Standing,
    call: &Call,
    campaign: &CallCampaign,
) -> Result<Chosen> {
    let now = tx.now();
    Box::pin(choose_at(tx, standing, call, campaign, now)).await
}

/// The same, by the bids and hours that were in force at `at`; caps and money are those of now.
///
/// # Errors
/// 503.
pub(crate) async fn choose_at(
    tx: &mut ChangeTx<'_>,
    standing: &Standing,
    call: &Call,
    campaign: &CallCampaign,
    at: Timestamp,
) -> Result<Chosen> {
    if campaign.duplicates.0.is_some() {
        // Two calls of one person at once see each other: the lock goes before turns and accounts.
        frauds::lock_person(tx, call).await?;
    }
    let takes_turns = call.auction_id.is_none()
        && matches!(
            campaign.strategy,
            Strategy::RoundRobin | Strategy::Weighted | Strategy::Priority
        );
    let counters = if takes_turns {
        Some(market::lock_counters(tx, campaign.id).await?)
    } else {
        None
    };
    let ping = offers::ping_of(tx, call).await?;
    let offer = Offer {
        call,
        campaign,
        ping: ping.as_ref(),
        at,
    };
    let mut market = Market::load(tx, standing, offer, None).await?;
    let (mut held, mut leading_out) = (BTreeSet::new(), LeadingOut::default());
    // The same draw each time: only what was locked since may change the outcome.
    let seed = rand::random();
    loop {
        let mut turns = counters.clone().unwrap_or_default();
        let buyers = market.buyers()?;
        let candidates = market.candidates(&buyers);
        let decision = market.decide(&candidates, &mut turns, seed, call.auction_id.is_some());
        if let Some(wider) = market.wider(&decision, &candidates) {
            drop(candidates);
            market = Market::load(tx, standing, offer, Some(wider)).await?;
            continue;
        }
        let first = decision.winner.and_then(|winner| {
            candidates
                .get(winner.candidate)
                .map(|candidate| candidate.buyer.id)
        });
        drop(candidates);
        if leading_out
            .refuse(tx, &mut market, &decision, campaign)
            .await?
        {
            continue;
        }
        if let Some(id) = first
            && !held.contains(&id)
        {
            held.insert(id);
            market.hold(tx, id).await?;
            continue;
        }
        if counters.is_some() && first.is_some() {
            market::save_counters(tx, campaign.id, &turns).await?;
        }
        let mut rows = explain(&decision, &market.terms, &market.candidates(&buyers));
        market.finish(&mut rows, ping.is_some());
        let strategy = if call.auction_id.is_some() {
            "auction"
        } else {
            campaign.strategy.as_str()
        };
        let won = market.won(&decision)?;
        return Ok(Chosen {
            won,
            rows,
            strategy,
            ping,
        });
    }
}

/// The standing profiles that would bid for a call now, with what they bid.
///
/// # Errors
/// 503.
pub(crate) async fn bidders(
    tx: &mut ChangeTx<'_>,
    standing: &Standing,
    call: &Call,
    campaign: &CallCampaign,
) -> Result<Vec<(Arc<Known>, i64)>> {
    let offer = Offer {
        call,
        campaign,
        ping: None,
        at: tx.now(),
    };
    let mut market = Market::load(tx, standing, offer, Some(Reach::Fitting)).await?;
    let buyers = market.buyers()?;
    let candidates = market.candidates(&buyers);
    let decision = market.decide(&candidates, &mut Counters::default(), 0, true);
    let amounts: BTreeMap<usize, i64> = decision
        .ranked
        .iter()
        .map(|ranked| (ranked.candidate, ranked.amount))
        .collect();
    Ok(market
        .entries
        .drain(..)
        .enumerate()
        .filter_map(|(at, entry)| Some((entry.standing?, *amounts.get(&at)?)))
        .collect())
}

/// The terms of a campaign, for checks of placed bids.
///
/// # Errors
/// 400 when its currency is none, which no check lets in.
pub(crate) fn terms(campaign: &CallCampaign) -> Result<Terms> {
    facts::terms(campaign)
}
