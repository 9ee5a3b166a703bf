//! What holds of whole decisions.

mod order;
mod rules;
mod shares;

use rand::{SeedableRng, rngs::SmallRng};

use super::{
    buyer::Buyer,
    call::Call,
    counters::Counters,
    decide::{Decision, decide},
    profile::{Candidate, Profile},
    samples,
    terms::{Strategy, Terms},
};

/// All strategies.
const STRATEGIES: [Strategy; 7] = [
    Strategy::HighestBid,
    Strategy::RoundRobin,
    Strategy::Weighted,
    Strategy::Priority,
    Strategy::Skill,
    Strategy::LeastCost,
    Strategy::Performance,
];

/// Buyers with a standing profile each.
type Market = Vec<(Buyer, Profile)>;

fn market(amounts: &[i64]) -> Market {
    (1..)
        .zip(amounts)
        .map(|(number, amount)| (samples::buyer(number), samples::profile(number, *amount)))
        .collect()
}

fn candidates(market: &Market) -> Vec<Candidate<'_>> {
    market
        .iter()
        .map(|(buyer, profile)| Candidate {
            buyer,
            profile: Some(profile),
            bid: None,
        })
        .collect()
}

fn decided(
    call: &Call,
    terms: &Terms,
    market: &Market,
    counters: &mut Counters,
    seed: u64,
) -> Decision {
    let mut chance = SmallRng::seed_from_u64(seed);
    decide(
        call,
        terms,
        &candidates(market),
        counters,
        samples::NOW,
        &mut chance,
    )
}

/// The buyers in the order of their ranks.
fn ranking<'a>(decision: &Decision, market: &'a Market) -> Vec<&'a str> {
    decision
        .ranked
        .iter()
        .map(|ranked| market[ranked.candidate].0.name.as_str())
        .collect()
}
