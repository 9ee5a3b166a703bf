//! Choosing a buyer inside a transaction: reads the facts, asks the decision, holds the winner's account, and asks
//! again where its row had changed meanwhile. So what was decided stands on locked rows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bin_common_handler::{
    databasehandler::ChangeTx,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use rand::{SeedableRng, rngs::SmallRng};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{facts, offers};
use crate::{
    choice::{
        self, Buyer, Candidate, Counters, Decision, Terms, auction,
        call::Seen,
        decide,
        explain::{Row, explain, text},
    },
    dbhandler::market,
    models::{
        account::Account,
        bid::Bid,
        call::Call,
        callcampaign::{CallCampaign, Strategy},
        ping::Ping,
        usage::zone,
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

/// One who may win, as the tables have it.
pub(super) struct Entry {
    pub standing: Option<Arc<Known>>,
    placed: Option<Bid>,
    bid: Option<choice::Bid>,
}

impl Entry {
    /// A profile with an endpoint bids what it answered, and nothing where it did not.
    fn answer(&mut self, ping: &Ping, call: &Call) -> Result<()> {
        if let Some(row) = self.set_amount_of_endpoint(None) {
            self.placed = offers::answer_of(&row.row, ping, call);
            self.bid = self.placed.as_ref().map(facts::bid).transpose()?;
        }
        Ok(())
    }

    /// Lets a profile that has an endpoint bid this; what is kept in memory for others stays as it is.
    fn set_amount_of_endpoint(&mut self, amount: Option<i64>) -> Option<&Known> {
        let known = self.standing.as_mut()?;
        known.row.endpoint.0.as_ref()?;
        let own = Arc::make_mut(known);
        own.row.amount = amount;
        own.profile.amount = amount;
        Some(own)
    }

    /// When its bid ends, where it does.
    pub(super) fn bid_expires(&self) -> Option<Timestamp> {
        self.bid.as_ref().and_then(|bid| bid.expires)
    }
}

/// Everything that a decision reads.
pub(super) struct Market {
    call: choice::Call,
    pub terms: Terms,
    pub entries: Vec<Entry>,
    accounts: BTreeMap<Uuid, Account>,
    seen: BTreeMap<Uuid, Seen>,
    /// Those whose destination may not be called.
    refused: Vec<Row>,
    now: Timestamp,
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
    let mut market = Market::load(tx, standing, call, campaign, ping.as_ref()).await?;
    let mut held = BTreeSet::new();
    // The same draw each time: only what was locked since may change the outcome.
    let seed = rand::random();
    loop {
        let mut turns = counters.clone().unwrap_or_default();
        let buyers = market.buyers()?;
        let candidates = market.candidates(&buyers);
        let decision = market.decide(&candidates, &mut turns, seed, call.auction_id.is_some());
        let first = decision.winner.and_then(|winner| {
            candidates
                .get(winner.candidate)
                .map(|candidate| candidate.buyer.id)
        });
        if let Some(winner) = decision.winner
            && !market.may_call(winner.candidate, campaign)
        {
            drop(candidates);
            market.refuse(winner.candidate);
            continue;
        }
        if let Some(id) = first
            && !held.contains(&id)
        {
            held.insert(id);
            drop(candidates);
            market.hold(tx, id).await?;
            continue;
        }
        if counters.is_some() && first.is_some() {
            market::save_counters(tx, campaign.id, &turns).await?;
        }
        let mut rows = explain(&decision, &market.terms, &candidates);
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
    let mut market = Market::load(tx, standing, call, campaign, None).await?;
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

impl Market {
    /// A call of a ping is sold to who answered it, and for no less than its seller was told.
    pub(super) async fn load(
        tx: &mut ChangeTx<'_>,
        standing: &Standing,
        call: &Call,
        campaign: &CallCampaign,
        ping: Option<&Ping>,
    ) -> Result<Self> {
        let (now, mut terms) = (tx.now(), facts::terms(campaign)?);
        let pairs: Vec<(Option<Arc<Known>>, Option<Bid>)> = if let Some(id) = call.auction_id {
            let placed = market::bids(tx, id).await?;
            let ids = placed.iter().filter_map(|bid| bid.profile_id);
            let known = standing.by_id(tx, ids).await?;
            let of = |bid: &Bid| bid.profile_id.and_then(|id| known.get(&id).cloned());
            placed
                .into_iter()
                .map(|bid| (of(&bid), Some(bid)))
                .collect()
        } else {
            let known = standing
                .of_campaign(tx, campaign.customer_id, campaign.id)
                .await?;
            known.into_values().map(|one| (Some(one), None)).collect()
        };
        if let Some(ping) = ping {
            offers::keep_promise(&mut terms, campaign, ping);
        }
        let payers = pairs
            .iter()
            .map(|(known, bid)| payer(known.as_deref(), bid.as_ref()));
        let accounts = market::accounts(tx, payers).await?;
        let (seen, everybody) = Self::history(tx, call, &terms, now).await?;
        let mut entries = entries(standing, pairs, &accounts)?;
        if let Some(ping) = ping {
            for entry in &mut entries {
                entry.answer(ping, call)?;
            }
        }
        Ok(Self {
            call: facts::call(call, everybody),
            entries,
            terms,
            accounts,
            seen,
            refused: Vec::new(),
            now,
        })
    }

    /// Who the person was put through to before, where the campaign asks.
    async fn history(
        tx: &mut ChangeTx<'_>,
        call: &Call,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<(BTreeMap<Uuid, Seen>, Seen)> {
        let (mut seen, mut everybody) = (BTreeMap::new(), Seen::default());
        let Some(rule) = terms.duplicates else {
            return Ok((seen, everybody));
        };
        let since = now.minus(Duration::from_secs(u64::from(rule.days) * 86_400));
        for row in market::history(tx, call, since).await? {
            let connect = row.connected;
            let conversion = row.converted;
            everybody.connect = everybody.connect.max(connect);
            everybody.conversion = everybody.conversion.max(conversion);
            seen.insert(
                row.buyer_id,
                Seen {
                    connect,
                    conversion,
                },
            );
        }
        Ok((seen, everybody))
    }

    /// Lets each profile that has an endpoint bid this.
    pub(super) fn bid_for_endpoints(&mut self, amount: i64) {
        for entry in &mut self.entries {
            entry.set_amount_of_endpoint(Some(amount));
        }
    }

    pub(super) fn buyers(&self) -> Result<BTreeMap<Uuid, Buyer>> {
        self.accounts
            .iter()
            .map(|(id, account)| {
                let seen = self.seen.get(id).copied().unwrap_or_default();
                facts::buyer(account, seen, self.now).map(|buyer| (*id, buyer))
            })
            .collect()
    }

    /// In the order of the entries: each has its account, or it is none of them.
    pub(super) fn candidates<'m>(
        &'m self,
        buyers: &'m BTreeMap<Uuid, Buyer>,
    ) -> Vec<Candidate<'m>> {
        self.entries
            .iter()
            .filter_map(|entry| {
                let id = payer(entry.standing.as_deref(), entry.placed.as_ref());
                Some(Candidate {
                    buyer: buyers.get(&id)?,
                    profile: entry.standing.as_deref().map(|known| &known.profile),
                    bid: entry.bid.as_ref(),
                })
            })
            .collect()
    }

    pub(super) fn decide(
        &self,
        candidates: &[Candidate<'_>],
        turns: &mut Counters,
        seed: u64,
        is_auction: bool,
    ) -> Decision {
        let now = self.now;
        if is_auction {
            return auction::settle(&self.call, &self.terms, candidates, now);
        }
        let mut chance = SmallRng::seed_from_u64(seed);
        decide(&self.call, &self.terms, candidates, turns, now, &mut chance)
    }

    /// Whether the campaign's calls may go where this candidate's would.
    pub(super) fn may_call(&self, candidate: usize, campaign: &CallCampaign) -> bool {
        let Some(entry) = self.entries.get(candidate) else {
            return true;
        };
        let placed = entry.placed.as_ref().map(|bid| bid.destination.as_str());
        let own = entry
            .standing
            .as_ref()
            .map(|known| known.row.destination.as_str());
        let destination = placed.filter(|text| !text.is_empty()).or(own);
        destination.is_none_or(|text| text.is_empty() || campaign.may_call(text))
    }

    /// Takes a candidate out whose destination may not be called.
    pub(super) fn refuse(&mut self, candidate: usize) {
        if candidate >= self.entries.len() {
            return;
        }
        let entry = self.entries.remove(candidate);
        let buyer_id = payer(entry.standing.as_deref(), entry.placed.as_ref());
        let account = self.accounts.get(&buyer_id);
        self.refused.push(offers::refused_row(
            account,
            buyer_id,
            entry.standing.as_ref().map(|known| known.row.id),
        ));
    }

    /// Rows as they are told: with those that were taken out, and without bids that are in no table.
    pub(super) fn finish(&mut self, rows: &mut Vec<Row>, is_ping: bool) {
        if is_ping {
            rows.iter_mut().for_each(|row| row.bid_id = None);
        }
        rows.append(&mut self.refused);
    }

    /// Holds an account until the end of the transaction; its row counts from now on.
    async fn hold(&mut self, tx: &mut ChangeTx<'_>, id: Uuid) -> Result<()> {
        let locked = tx
            .lock::<Account>(id)
            .await?
            .ok_or_else(|| Error::internal("an account is gone"))?;
        self.accounts.insert(id, locked);
        Ok(())
    }

    fn won(&mut self, decision: &Decision) -> Result<Option<Won>> {
        let Some(winner) = decision.winner else {
            return Ok(None);
        };
        let gone = || Error::internal("the winner is none of the candidates");
        let ranked = decision.ranked.first().ok_or_else(gone)?;
        let entry = self.entries.get_mut(winner.candidate).ok_or_else(gone)?;
        let id = payer(entry.standing.as_deref(), entry.placed.as_ref());
        Ok(Some(Won {
            account: self.accounts.remove(&id).ok_or_else(gone)?,
            profile: entry.standing.take(),
            placed: entry.placed.take(),
            amount: ranked.amount,
            price: winner.price,
            effective_bid: winner.effective_bid,
        }))
    }
}

/// Who pays, by a bid or a profile.
fn payer(known: Option<&Known>, bid: Option<&Bid>) -> Uuid {
    bid.map(|bid| bid.buyer_id)
        .or_else(|| known.map(|known| known.row.buyer_id))
        .unwrap_or_default()
}

/// Only those whose account is there: places among the candidates are places among the entries.
fn entries(
    standing: &Standing,
    pairs: Vec<(Option<Arc<Known>>, Option<Bid>)>,
    accounts: &BTreeMap<Uuid, Account>,
) -> Result<Vec<Entry>> {
    let mut entries = Vec::with_capacity(pairs.len());
    for (known, placed) in pairs {
        let Some(account) = accounts.get(&payer(known.as_deref(), placed.as_ref())) else {
            continue;
        };
        let timezone = zone(&account.timezone);
        entries.push(Entry {
            standing: known.map(|known| standing.in_zone(known, timezone)),
            bid: placed.as_ref().map(facts::bid).transpose()?,
            placed,
        });
    }
    Ok(entries)
}
