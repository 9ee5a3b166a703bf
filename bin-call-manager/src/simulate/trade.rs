//! Trading: each call is decided, held, tried, and in the end paid or released, in the order of time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
    time::Duration,
};

use bin_common_handler::models::{error::Result, time::Timestamp};
use rand::RngExt;

use super::{
    Plan,
    book::Book,
    market::{Market, PAYOUT},
    outcome::{Fairness, Outcome, Share},
};
use crate::{
    choice::{
        self, Buyer, Candidate, Counters, Decision,
        call::{Number, Seen},
        decide,
    },
    models::{account::CapCounts, posting, usage::zone},
    routehandler::facts,
};

/// Shortest and longest call, in seconds.
const DURATION_SECONDS: std::ops::Range<u64> = 10..600;

/// A call that a buyer answered, until it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    end: Timestamp,
    number: u32,
    buyer: usize,
    price: i64,
    converts: bool,
}

/// A market at work.
pub(super) struct Trade<'m> {
    market: &'m Market,
    book: Book,
    counters: Counters,
    open: BinaryHeap<Reverse<Open>>,
    /// When a caller was last put through to a buyer.
    seen: HashMap<(Number, usize), Timestamp>,
    fairness: Fairness,
    shares: Vec<Share>,
    refused: BTreeMap<&'static str, u64>,
    unsold: u64,
    calls: u64,
    day: Option<u32>,
}

impl<'m> Trade<'m> {
    pub(super) fn new(market: &'m Market, plan: &Plan) -> Self {
        let shares = market.accounts.iter().zip(&market.profiles);
        let shares = shares.map(|(account, profile)| Share {
            name: account.name.clone(),
            bid: profile.amount.unwrap_or_default(),
            weight: account.weight,
            ..Share::default()
        });
        Self {
            market,
            book: Book::new(market.accounts.clone(), market.seller.clone()),
            counters: Counters::default(),
            open: BinaryHeap::new(),
            seen: HashMap::new(),
            fairness: Fairness::default(),
            shares: shares.collect(),
            refused: BTreeMap::new(),
            unsold: 0,
            calls: u64::from(plan.calls),
            day: None,
        }
    }

    /// A call comes in, and everything until then happens first.
    pub(super) fn take(&mut self, number: u32) -> Result<()> {
        let now = self.market.time(number);
        self.end_until(now)?;
        self.begin_day(self.market.day(number))?;
        let mut call = self.market.call(number);
        loop {
            let (decision, buyers) = self.decide(&call, number, now)?;
            let Some(winner) = decision.winner else {
                self.unsold += 1;
                return Ok(());
            };
            self.note(&decision, &buyers, call.attempts == 0);
            let buyer = winner.candidate;
            self.hold(buyer, winner.price, now)?;
            if self.ring(&call, number, buyer, winner.price, now)? {
                return Ok(());
            }
            call.attempts += 1;
            call.tried.extend(buyers.get(buyer).map(|buyer| buyer.id));
        }
    }

    /// Buyers that have little pay in, in the morning.
    fn begin_day(&mut self, day: u32) -> Result<()> {
        if self.day == Some(day) {
            return Ok(());
        }
        self.day = Some(day);
        for (at, nature) in self.market.natures.iter().enumerate() {
            let has = self.book.buyers.get(at).map_or(0, |buyer| buyer.balance);
            let pays = (nature.deposit - has).max(0);
            self.book.post(at, &posting::deposit(pays))?;
        }
        Ok(())
    }

    fn decide(
        &mut self,
        call: &choice::Call,
        number: u32,
        now: Timestamp,
    ) -> Result<(Decision, Vec<Buyer>)> {
        let buyers = self.buyers(call, now)?;
        let candidates: Vec<Candidate<'_>> = buyers
            .iter()
            .zip(&self.market.profiles)
            .map(|(buyer, profile)| Candidate {
                buyer,
                profile: Some(profile),
                bid: None,
            })
            .collect();
        let mut chance = self.market.chance(number, call.attempts);
        let terms = &self.market.terms;
        let decision = decide(
            call,
            terms,
            &candidates,
            &mut self.counters,
            now,
            &mut chance,
        );
        Ok((decision, buyers))
    }

    fn buyers(&self, call: &choice::Call, now: Timestamp) -> Result<Vec<Buyer>> {
        let buyers = self.book.buyers.iter().enumerate();
        buyers
            .map(|(at, account)| {
                let connect = call.number.and_then(|number| self.seen.get(&(number, at)));
                let seen = Seen {
                    connect: connect.copied(),
                    conversion: None,
                };
                facts::buyer(account, seen, now)
            })
            .collect()
    }

    /// Counts who could have had the call and who could not. Only the first try of a call tells why not: later ones
    /// would tell the same again.
    fn note(&mut self, decision: &Decision, buyers: &[Buyer], is_first: bool) {
        let could = decision.ranked.iter().filter_map(|ranked| {
            let buyer = buyers.get(ranked.candidate)?;
            Some((buyer.id, buyer.weight))
        });
        let could: Vec<_> = could.collect();
        if let Some((won, _)) = could.first() {
            self.fairness.note(&could, *won);
        }
        if is_first {
            for excluded in &decision.excluded {
                let rule = excluded.exclusion.excluded_by();
                *self.refused.entry(rule).or_default() += 1;
            }
        }
    }

    fn hold(&mut self, buyer: usize, price: i64, now: Timestamp) -> Result<()> {
        self.book.post(buyer, &posting::hold(price))?;
        if let Some(account) = self.book.buyers.get_mut(buyer) {
            let zone = zone(&account.timezone);
            account.used.0.win(account.cap_counts, now, zone);
        }
        if let Some(share) = self.shares.get_mut(buyer) {
            share.won += 1;
        }
        Ok(())
    }

    /// Whether the buyer takes the call; else what was held for it is free again.
    fn ring(
        &mut self,
        call: &choice::Call,
        number: u32,
        buyer: usize,
        price: i64,
        now: Timestamp,
    ) -> Result<bool> {
        let (market, mut chance) = (self.market, self.market.chance(number, 128 + call.attempts));
        let Some((nature, account)) = market
            .natures
            .get(buyer)
            .zip(self.book.buyers.get_mut(buyer))
        else {
            return Ok(false);
        };
        let answers = chance.random_ratio(nature.answers, 100);
        account.quality.0.note_answer(answers);
        if !answers {
            account.used.0.end();
            if account.cap_counts != CapCounts::Attempt {
                account.used.0.forget();
            }
            self.book.post(buyer, &posting::release(price))?;
            return Ok(false);
        }
        if account.cap_counts == CapCounts::Connect {
            let zone = zone(&account.timezone);
            account.used.0.count(now, zone);
        }
        if let Some(caller) = call.number {
            self.seen.insert((caller, buyer), now);
        }
        if let Some(share) = self.shares.get_mut(buyer) {
            share.answered += 1;
        }
        self.open.push(Reverse(Open {
            end: now.plus(Duration::from_secs(chance.random_range(DURATION_SECONDS))),
            number,
            buyer,
            price,
            converts: chance.random_ratio(nature.converts, 100),
        }));
        Ok(true)
    }

    /// Ends every call whose time is over.
    fn end_until(&mut self, now: Timestamp) -> Result<()> {
        while self
            .open
            .peek()
            .is_some_and(|Reverse(open)| open.end <= now)
        {
            let Some(Reverse(open)) = self.open.pop() else {
                break;
            };
            self.end(open)?;
        }
        Ok(())
    }

    fn end(&mut self, open: Open) -> Result<()> {
        let postings = if open.converts {
            posting::capture(open.price, open.price, PAYOUT)
        } else {
            posting::release(open.price)
        };
        self.book.post(open.buyer, &postings)?;
        let Some(account) = self.book.buyers.get_mut(open.buyer) else {
            return Ok(());
        };
        let zone = zone(&account.timezone);
        account.used.0.end();
        account.quality.0.note_conversion(open.converts);
        let is_counted_now = account.cap_counts == CapCounts::Conversion;
        if open.converts {
            account.used.0.capture(open.price, open.end, zone);
            if is_counted_now {
                account.used.0.count(open.end, zone);
            }
        } else if is_counted_now {
            account.used.0.forget();
        }
        if let Some(share) = self.shares.get_mut(open.buyer)
            && open.converts
        {
            share.converted += 1;
            share.spent += open.price;
        }
        Ok(())
    }

    /// Lets every call end; what came of it all.
    pub(super) fn finish(mut self) -> Result<Outcome> {
        self.end_until(Timestamp::from_micros(i64::MAX))?;
        let (mut wins, mut answered, mut revenue) = (0, 0, 0);
        for share in &self.shares {
            wins += share.won;
            answered += share.answered;
            revenue += share.spent;
        }
        let payout = self.book.seller.balance;
        Ok(Outcome {
            calls: self.calls,
            answered,
            unsold: self.unsold,
            wins,
            revenue,
            payout,
            margin: revenue - payout,
            round_robin_difference: self.fairness.round_robin_difference(),
            weighted_deviation: self.fairness.weighted_deviation(),
            ledger_entries: self.book.entries,
            ledger_sum: self.book.sum(),
            held: self.book.held(),
            shares: self.shares,
            refused: self.refused,
        })
    }
}
