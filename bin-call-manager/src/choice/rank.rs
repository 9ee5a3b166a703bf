//! The order of those that may have the call: the strategy's key, then the total order.

use std::cmp::{Ordering, Reverse};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use rand_distr::{Beta, Distribution};
use uuid::Uuid;

use super::{
    call::Call,
    counters::Counters,
    profile::Candidate,
    quality::Quality,
    terms::{Strategy, WHOLE_MILLIONTHS},
};

/// Parts of one that a drawn conversion rate is rounded to.
const RATE_PARTS: f64 = 1e9;

/// A candidate that no rule excludes, with what it is ranked by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entrant {
    /// Its place among the candidates.
    pub candidate: usize,
    /// Minor units.
    pub amount: i64,
    /// Millionths.
    pub factor: u32,
    /// Amount × factor: millionths of a minor unit.
    pub effective: i128,
    priority: i32,
    weight: u32,
    /// µs since 1970.
    placed: i64,
    id: Uuid,
    /// The strategy's key, the larger first.
    key: i128,
}

impl Entrant {
    pub(super) fn new(at: usize, candidate: &Candidate<'_>, amount: i64, factor: u32) -> Self {
        Self {
            candidate: at,
            amount,
            factor,
            effective: i128::from(amount) * i128::from(factor),
            priority: candidate.priority(),
            weight: candidate.weight(),
            placed: candidate.placed().micros(),
            id: candidate.id(),
            key: 0,
        }
    }

    /// No two candidates are equal, as ids are unique: so order of arrival decides nothing.
    fn order(&self, other: &Self) -> Ordering {
        let key = |one: &Self| (Reverse(one.key), Reverse(one.effective), one.priority);
        key(self)
            .cmp(&key(other))
            .then_with(|| (self.placed, self.id).cmp(&(other.placed, other.id)))
    }
}

/// What decides the order by one strategy, for one call.
pub(super) struct Ranking<'a> {
    call: &'a Call,
    strategy: Strategy,
    /// What the draws of this decision hang on.
    seed: u64,
}

impl<'a> Ranking<'a> {
    pub(super) fn new(
        call: &'a Call,
        strategy: Strategy,
        chance: &mut (impl Rng + ?Sized),
    ) -> Self {
        let seed = match strategy {
            Strategy::Performance => chance.next_u64(),
            _ => 0,
        };
        Self {
            call,
            strategy,
            seed,
        }
    }

    /// Gives an entrant its key. Best right after its candidate was looked at: a thousand of them are more than a
    /// processor keeps at hand.
    pub(super) fn place(
        &self,
        entrant: &mut Entrant,
        candidate: &Candidate<'_>,
        counters: &Counters,
    ) {
        entrant.key = key(
            entrant,
            self.call,
            self.strategy,
            candidate,
            counters,
            self.seed,
        );
    }

    /// Orders the entrants, best first, and notes whose turn it was.
    pub(super) fn rank(
        &self,
        entrants: &[Entrant],
        candidates: &[Candidate<'_>],
        counters: &mut Counters,
    ) -> Vec<Entrant> {
        let ranked = sorted(entrants);
        note(&ranked, self.strategy, candidates, counters);
        ranked
    }
}

/// Sorts short records by what nearly always decides; the full order decides the rest.
fn sorted(entrants: &[Entrant]) -> Vec<Entrant> {
    let mut order: Vec<(Reverse<i128>, &Entrant)> = entrants
        .iter()
        .map(|entrant| (Reverse(entrant.key), entrant))
        .collect();
    order.sort_unstable_by(|(first, one), (second, other)| {
        first.cmp(second).then_with(|| one.order(other))
    });
    order.into_iter().map(|(_, entrant)| *entrant).collect()
}

fn key(
    entrant: &Entrant,
    call: &Call,
    strategy: Strategy,
    candidate: &Candidate<'_>,
    counters: &Counters,
    seed: u64,
) -> i128 {
    let amount = i128::from(entrant.amount);
    match strategy {
        Strategy::HighestBid => entrant.effective,
        Strategy::RoundRobin => {
            let turn = counters.of(candidate.counter_id()).last_turn;
            -i128::from(turn)
        }
        Strategy::Weighted => {
            // With weight goes before without.
            let first = i64::from(entrant.weight > 0);
            then(first, owed(entrant, candidate, counters))
        }
        Strategy::Priority => {
            // Without weight is behind all that have one, within its priority.
            let last = i64::from(entrant.weight == 0);
            let first = -(i64::from(entrant.priority) * 2 + last);
            then(first, owed(entrant, candidate, counters))
        }
        Strategy::Skill => {
            let quality = candidate.buyer.quality.mean_millionths();
            then(skill_share(call, candidate), i128::from(quality))
        }
        Strategy::LeastCost => -amount,
        Strategy::Performance => {
            let rate = drawn_rate(&candidate.buyer.quality, seed, entrant.id);
            i128::from(rate) * amount
        }
    }
}

/// One key of two: `second` decides among equals of `first`. Within ±2^34 and ±2^64 neither reaches the other.
fn then(first: i64, second: i128) -> i128 {
    i128::from(first) * (1 << 66) + second
}

/// What it is owed, this turn's weight included: within ±2^64.
fn owed(entrant: &Entrant, candidate: &Candidate<'_>, counters: &Counters) -> i128 {
    let owed = counters.of(candidate.counter_id()).owed;
    i128::from(owed) + i128::from(entrant.weight)
}

/// Of the call's tags, the share that the profile asks for, in millionths. It meets them, or would be excluded.
fn skill_share(call: &Call, candidate: &Candidate<'_>) -> i64 {
    let asked = candidate
        .profile
        .map_or(0, |profile| profile.criteria.named_tags());
    let whole = u64::from(WHOLE_MILLIONTHS);
    let share = (asked as u64 * whole)
        .checked_div(call.tags.len() as u64)
        .unwrap_or(whole);
    i64::try_from(share).unwrap_or(i64::MAX)
}

/// A conversion rate from what is known of it: 0 to a billion. The draw hangs on the decision's seed and the
/// candidate's id alone, so neither order nor the presence of others changes it.
fn drawn_rate(quality: &Quality, seed: u64, id: Uuid) -> i64 {
    let (high, low) = id.as_u64_pair();
    let mut chance = SmallRng::seed_from_u64(seed ^ high.rotate_left(32) ^ low);
    let converted = quality.conversions.min(quality.conversion_calls);
    let others = quality.conversion_calls - converted;
    let rate = Beta::new(f64::from(converted) + 1.0, f64::from(others) + 1.0)
        .map_or(0.0, |beta| beta.sample(&mut chance));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a rate is 0 to 1, so its billionths fit; there is no checked conversion from f64"
    )]
    let rate = (rate * RATE_PARTS) as i64;
    rate
}

fn note(
    ranked: &[Entrant],
    strategy: Strategy,
    candidates: &[Candidate<'_>],
    counters: &mut Counters,
) {
    let Some(first) = ranked.first() else {
        return;
    };
    let counter_id = |entrant: &Entrant| {
        candidates
            .get(entrant.candidate)
            .map(|candidate| candidate.counter_id())
    };
    match strategy {
        Strategy::RoundRobin => {
            if let Some(id) = counter_id(first) {
                counters.took_turn(id);
            }
        }
        Strategy::Weighted | Strategy::Priority => {
            let took_part = |entrant: &&Entrant| {
                strategy == Strategy::Weighted || entrant.priority == first.priority
            };
            let shares: Vec<(Uuid, u32)> = ranked
                .iter()
                .filter(took_part)
                .filter_map(|entrant| Some((counter_id(entrant)?, entrant.weight)))
                .collect();
            counters.took_share(&shares);
        }
        Strategy::HighestBid | Strategy::Skill | Strategy::LeastCost | Strategy::Performance => {}
    }
}
