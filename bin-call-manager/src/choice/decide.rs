//! The decision: who is out and why, who is ranked how, who wins at which price.

use bin_common_handler::models::{
    money::{Currency, Money},
    time::Timestamp,
};
use rand::Rng;

use super::{
    buyer::AccountStatus,
    call::Call,
    counters::Counters,
    exclusion::Exclusion,
    moment::Moment,
    price::{self, Worth},
    profile::Candidate,
    rank::{Entrant, Ranking},
    terms::Terms,
};

/// A candidate that may have the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranked {
    /// Its place among the candidates that were given.
    pub candidate: usize,
    /// What it bids, in minor units.
    pub amount: i64,
    /// What its quality makes of it: millionths, 10,000 to 1,000,000.
    pub factor_millionths: u32,
}

impl Ranked {
    /// What it is ranked by: amount × factor, in millionths of a minor unit.
    pub fn worth(&self) -> i128 {
        i128::from(self.amount) * i128::from(self.factor_millionths)
    }

    /// Amount × factor in whole minor units, rounded half to even; ranks go by the exact product.
    pub fn effective_bid(&self) -> i64 {
        // A share is the same in every currency.
        Money::new(self.amount, Currency::USD)
            .share(self.factor_millionths)
            .map_or(self.amount, |money| money.amount)
    }
}

/// A candidate that may not.
#[derive(Debug, Clone, PartialEq)]
pub struct Excluded {
    /// Its place among the candidates that were given.
    pub candidate: usize,
    /// The first rule that it does not meet.
    pub exclusion: Exclusion,
}

/// Who wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Winner {
    /// Its place among the candidates that were given.
    pub candidate: usize,
    /// What is held now and captured later, in minor units.
    pub price: i64,
    /// As [`Ranked::effective_bid`].
    pub effective_bid: i64,
}

/// What was decided about every candidate.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// Best first.
    pub ranked: Vec<Ranked>,
    /// In the order in which they were given.
    pub excluded: Vec<Excluded>,
    /// The first of `ranked`; nothing = nobody may have the call.
    pub winner: Option<Winner>,
}

/// Decides about one call; see the [module](super) for what holds.
pub fn decide(
    call: &Call,
    terms: &Terms,
    candidates: &[Candidate<'_>],
    counters: &mut Counters,
    now: Timestamp,
    chance: &mut (impl Rng + ?Sized),
) -> Decision {
    let mut judge = Judge::new(call, terms, now);
    let mut entrants = Vec::with_capacity(candidates.len());
    let mut excluded = Vec::new();
    let ranking = Ranking::new(call, terms.strategy, chance);
    for (at, candidate) in candidates.iter().enumerate() {
        match judge.admit(at, candidate) {
            Ok(mut entrant) => {
                ranking.place(&mut entrant, candidate, counters);
                entrants.push(entrant);
            }
            Err(exclusion) => excluded.push(Excluded {
                candidate: at,
                exclusion,
            }),
        }
    }
    let entrants = ranking.rank(&entrants, candidates, counters);
    Decision {
        winner: winner(&entrants, candidates, terms),
        ranked: entrants.iter().map(ranked).collect(),
        excluded,
    }
}

const fn ranked(entrant: &Entrant) -> Ranked {
    Ranked {
        candidate: entrant.candidate,
        amount: entrant.amount,
        factor_millionths: entrant.factor,
    }
}

fn winner(entrants: &[Entrant], candidates: &[Candidate<'_>], terms: &Terms) -> Option<Winner> {
    let worth = |entrant: &Entrant| {
        candidates.get(entrant.candidate).map(|candidate| Worth {
            buyer_id: candidate.buyer.id,
            amount: entrant.amount,
            factor: entrant.factor,
            effective: entrant.effective,
        })
    };
    let first = entrants.first()?;
    Some(Winner {
        candidate: first.candidate,
        price: price::price(&worth(first)?, entrants.iter().filter_map(worth), terms),
        effective_bid: ranked(first).effective_bid(),
    })
}

/// The rules, with what is the same for all candidates of a call.
struct Judge<'a> {
    call: &'a Call,
    terms: &'a Terms,
    moment: Moment,
    /// What is against the call whoever takes it.
    against_all: Option<Exclusion>,
}

impl<'a> Judge<'a> {
    fn new(call: &'a Call, terms: &'a Terms, now: Timestamp) -> Self {
        let mut moment = Moment::new(now);
        let against_all = against_all(call, terms, &mut moment);
        Self {
            call,
            terms,
            moment,
            against_all,
        }
    }

    /// The rules in their order: who it is, what it bids, which calls it takes, what it may have today.
    fn admit(&mut self, at: usize, candidate: &Candidate<'_>) -> Result<Entrant, Exclusion> {
        let buyer = candidate.buyer;
        if buyer.status != AccountStatus::Active {
            return Err(Exclusion::AccountInactive {
                status: buyer.status,
            });
        }
        if let Some(exclusion) = &self.against_all {
            return Err(exclusion.clone());
        }
        if self.call.tried.contains(&buyer.id) {
            return Err(Exclusion::AlreadyTried);
        }
        if let Some(profile) = candidate.profile {
            profile.admits(self.call, &mut self.moment)?;
        }
        let amount = self.check_bid(candidate)?;
        let most = self.terms.most(amount);
        if let Some(profile) = candidate.profile {
            profile.criteria.check_price(most)?;
        }
        buyer.check(self.call, self.terms, most, &mut self.moment)?;
        let factor = buyer
            .quality
            .factor_millionths(self.terms.quality_weight_millionths);
        Ok(Entrant::new(at, candidate, amount, factor))
    }

    /// The amount of a bid that counts.
    fn check_bid(&self, candidate: &Candidate<'_>) -> Result<i64, Exclusion> {
        let needed = self.terms.currency;
        for currency in [candidate.currency(), candidate.buyer.currency] {
            if currency != needed {
                return Err(Exclusion::CurrencyMismatch { currency, needed });
            }
        }
        let expires = candidate.bid.and_then(|bid| bid.expires);
        if let Some(expires) = expires
            && expires <= self.moment.now()
        {
            return Err(Exclusion::BidExpired { expires });
        }
        let amount = candidate.amount().ok_or(Exclusion::NoBid)?;
        let reserve = self.terms.reserve();
        if amount < reserve {
            return Err(Exclusion::BidTooLow { amount, reserve });
        }
        let most = self.terms.most(amount);
        if most > amount {
            return Err(Exclusion::PriceTooHigh {
                most,
                max_price: amount,
            });
        }
        Ok(amount)
    }
}

fn against_all(call: &Call, terms: &Terms, moment: &mut Moment) -> Option<Exclusion> {
    if call.attempts >= terms.max_attempts {
        return Some(Exclusion::MaxAttempts {
            attempts: call.attempts,
            max_attempts: terms.max_attempts,
        });
    }
    if terms.hours.windows().is_empty() {
        return None;
    }
    let minute_of_week = moment.minute_of_week(terms.timezone);
    let closed = !terms.hours.is_open(minute_of_week);
    closed.then(|| Exclusion::outside_hours("campaign", terms.timezone, minute_of_week))
}
