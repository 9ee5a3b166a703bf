//! What a decision inside a transaction reads: who may win, their accounts, and whom the caller spoke with before.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, time::Duration};

use bin_common_handler::{
    databasehandler::ChangeTx,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use rand::{SeedableRng, rngs::SmallRng};
use uuid::Uuid;

use super::{choose::Won, facts, offers};
use crate::{
    choice::{
        self, Buyer, Candidate, Counters, Decision, Reach, Terms, auction, call::Seen, decide,
        explain::Row,
    },
    dbhandler::market,
    models::{
        account::Account, bid::Bid, call::Call, callcampaign::CallCampaign, ping::Ping, usage::zone,
    },
    standing::{Known, Standing},
};

/// What is to be sold.
#[derive(Clone, Copy)]
pub(super) struct Offer<'o> {
    pub call: &'o Call,
    pub campaign: &'o CallCampaign,
    /// The ping that the call was made of.
    pub ping: Option<&'o Ping>,
    /// When bids and hours must be in force.
    pub at: Timestamp,
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
        Arc::make_mut(&mut own.profile).amount = amount;
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
    /// How far was looked, and what nobody who was left out bids more than.
    reach: Reach,
    floor: Option<i64>,
    pub terms: Terms,
    pub entries: Vec<Entry>,
    accounts: BTreeMap<Uuid, Account>,
    seen: BTreeMap<Uuid, Seen>,
    /// Those whose destination may not be called.
    refused: Vec<Row>,
    now: Timestamp,
    at: Timestamp,
}

impl Market {
    /// A call of a ping is sold to who answered it, and for no less than its seller was told.
    /// Without a reach it is as far as a decision by the campaign's terms begins.
    ///
    /// # Errors
    /// 503.
    pub(super) async fn load(
        tx: &mut ChangeTx<'_>,
        standing: &Standing,
        offer: Offer<'_>,
        reach: Option<Reach>,
    ) -> Result<Self> {
        let Offer {
            call,
            campaign,
            ping,
            at,
        } = offer;
        let (now, mut terms) = (tx.now(), facts::terms(campaign)?);
        let (seen, everybody) = Self::history(tx, call, &terms, now).await?;
        let plain = facts::call(call, everybody);
        let (mut reach, mut floor) = (reach.unwrap_or_else(|| Reach::first(&terms)), None);
        let pairs: Vec<(Option<Arc<Known>>, Option<Bid>)> = if let Some(id) = call.auction_id {
            reach = Reach::All;
            let placed = market::bids(tx, id).await?;
            let ids = placed.iter().filter_map(|bid| bid.profile_id);
            let known = standing.by_id(tx, ids).await?;
            let of = |bid: &Bid| bid.profile_id.and_then(|id| known.get(&id).cloned());
            placed
                .into_iter()
                .map(|bid| (of(&bid), Some(bid)))
                .collect()
        } else {
            let book = standing.book(tx, campaign.customer_id, campaign.id).await?;
            let (known, least) = book.within(&plain, reach);
            floor = least;
            known.into_iter().map(|one| (Some(one), None)).collect()
        };
        if let Some(ping) = ping {
            offers::keep_promise(&mut terms, campaign, ping);
        }
        let payers = pairs
            .iter()
            .map(|(known, bid)| payer(known.as_deref(), bid.as_ref()));
        let accounts = market::accounts(tx, payers).await?;
        let mut entries = entries(standing, pairs, &accounts)?;
        if let Some(ping) = ping {
            for entry in &mut entries {
                entry.answer(ping, call)?;
            }
        }
        Ok(Self {
            call: plain,
            reach,
            floor,
            entries,
            terms,
            accounts,
            seen,
            refused: Vec::new(),
            now,
            at,
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
        // As open wins count towards caps: whoever has a call of the person may be put through any moment.
        for id in market::waiting(tx, call).await? {
            let open = Seen {
                connect: Some(now),
                conversion: Some(now),
            };
            (everybody.connect, everybody.conversion) = (open.connect, open.conversion);
            seen.insert(id, open);
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
                    profile: entry
                        .standing
                        .as_deref()
                        .map(|known| known.profile.as_ref()),
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
        let at = self.at;
        if is_auction {
            return auction::settle(&self.call, &self.terms, candidates, at);
        }
        let mut chance = SmallRng::seed_from_u64(seed);
        decide(&self.call, &self.terms, candidates, turns, at, &mut chance)
    }

    /// How far to look instead, where the decision might be another one then.
    pub(super) fn wider(&self, decision: &Decision, candidates: &[Candidate<'_>]) -> Option<Reach> {
        let enough = self
            .reach
            .is_enough(self.floor, decision, candidates, &self.terms);
        (!enough).then(|| self.reach.wider())
    }

    /// Takes out who would win, or set the winner's price, and whose destination may not be called: who cannot have the call
    /// costs nobody anything. Whether there was one; then it is to be decided again. Others are not looked at, as numbers take
    /// their time.
    pub(super) fn refuse_unreachable(
        &mut self,
        decision: &Decision,
        campaign: &CallCampaign,
    ) -> bool {
        let Some(winner) = decision.winner else {
            return false;
        };
        let may_call = |at: usize| self.may_call(at, campaign);
        let mut refused = self.rivals(decision, winner.candidate);
        let reachable = refused.iter().position(|at| may_call(*at));
        refused.truncate(reachable.unwrap_or(refused.len()));
        if !may_call(winner.candidate) {
            refused.push(winner.candidate);
        }
        // From the last on: the places of those before it stay.
        refused.sort_unstable_by(|one, other| other.cmp(one));
        for at in &refused {
            self.refuse(*at);
        }
        !refused.is_empty()
    }

    /// Candidates of other buyers that the winner's price goes by, the best first; none where it goes by no other's bid.
    pub(super) fn rivals(&self, decision: &Decision, winner: usize) -> Vec<usize> {
        if !self.terms.is_second_price() {
            return Vec::new();
        }
        let own = self.buyer_of(winner);
        let mut rivals: Vec<_> = decision
            .ranked
            .iter()
            .filter(|ranked| self.buyer_of(ranked.candidate) != own)
            .collect();
        rivals.sort_by_key(|ranked| Reverse(ranked.worth()));
        rivals.iter().map(|ranked| ranked.candidate).collect()
    }

    /// Whether the campaign's calls may go where this candidate's would. A profile that names no place is sold nothing; a bid
    /// by request need not name one, as whoever asked for the auction puts its call through.
    pub(super) fn may_call(&self, candidate: usize, campaign: &CallCampaign) -> bool {
        let Some(entry) = self.entries.get(candidate) else {
            return true;
        };
        match self.destination(candidate) {
            None | Some("") => entry.standing.is_none(),
            Some(text) => campaign.may_call(text),
        }
    }

    /// Where this candidate's call would go: where its bid says, else where its profile does.
    pub(super) fn destination(&self, candidate: usize) -> Option<&str> {
        let entry = self.entries.get(candidate)?;
        let placed = entry.placed.as_ref().map(|bid| bid.destination.as_str());
        let own = || Some(entry.standing.as_ref()?.row.destination.as_str());
        placed.filter(|text| !text.is_empty()).or_else(own)
    }

    /// Whose bid it is.
    fn buyer_of(&self, candidate: usize) -> Option<Uuid> {
        let entry = self.entries.get(candidate)?;
        Some(payer(entry.standing.as_deref(), entry.placed.as_ref()))
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
    pub(super) async fn hold(&mut self, tx: &mut ChangeTx<'_>, id: Uuid) -> Result<()> {
        let locked = tx
            .lock::<Account>(id)
            .await?
            .ok_or_else(|| Error::internal("an account is gone"))?;
        self.accounts.insert(id, locked);
        Ok(())
    }

    pub(super) fn won(&mut self, decision: &Decision) -> Result<Option<Won>> {
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
