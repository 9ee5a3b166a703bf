//! For the benchmark: what a decision, a look into the index and an auction cost, without a database.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bin_common_handler::models::hours::Hours;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use uuid::Uuid;

use super::{
    auction::settle,
    buyer::Buyer,
    call::Call,
    counters::Counters,
    criteria::{Criteria, CriteriaSpec},
    decide::decide,
    index::Index,
    place::Code,
    profile::{Bid, Candidate, Profile},
    quality::Quality,
    reach::Reach,
    samples::{CAMPAIGN, NOW, buyer, call, profile, terms},
    tags::{TagOp, TagSpec},
    terms::{AuctionTerms, Form, Strategy, Terms},
};

/// States that profiles and calls are spread over.
const STATES: [&str; 10] = ["CA", "NY", "TX", "FL", "WA", "OR", "NV", "AZ", "CO", "IL"];
const ROUNDS: u32 = 10;
const NPA_FIRST: u16 = 200;
const NPAS: u32 = 300;

/// The mean time to decide about one call with `profiles` candidates, all of whose rules are checked and most of
/// which pass, by `strategy`. Of `decisions` decisions, at least one.
pub fn decision(profiles: u32, decisions: u32, strategy: Strategy) -> Duration {
    let mut chance = SmallRng::seed_from_u64(1);
    let market = market(profiles, &mut chance);
    let candidates = standing(&market);
    let terms = Terms {
        strategy,
        quality_weight_millionths: 300_000,
        ..terms()
    };
    let (call, mut counters) = (call(), Counters::default());
    let mut once = || {
        let decision = decide(&call, &terms, &candidates, &mut counters, NOW, &mut chance);
        std::hint::black_box(decision.winner);
    };
    // The first one makes the counters.
    once();
    mean(decisions, once)
}

/// The median and the 99th percentile of the time to decide about a call among `profiles` profiles as a route does: by
/// the index, as far as is needed. A third of the profiles has area codes, a third states, a third takes any place.
pub fn indexed(profiles: u32, decisions: u32) -> (Duration, Duration) {
    let mut chance = SmallRng::seed_from_u64(2);
    let mut index = Index::new(profiles as usize);
    for number in 0..profiles {
        if !index.insert(Arc::new(placed(number, &mut chance))) {
            break;
        }
    }
    // Accounts come from locked rows: their reading is the database's matter.
    let account = account(1, &mut chance);
    let terms = terms();
    let mut times: Vec<Duration> = (0..decisions.max(1))
        .map(|_| {
            let call = somewhere(&mut chance);
            let started = Instant::now();
            std::hint::black_box(routed(&index, &call, &terms, &account, &mut chance));
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    let part = |parts: usize| times.get(times.len() * parts / 100).copied();
    (part(50).unwrap_or_default(), part(99).unwrap_or_default())
}

/// How many profiles were looked at, the last time, and who won.
fn routed(
    index: &Index,
    call: &Call,
    terms: &Terms,
    account: &Buyer,
    chance: &mut SmallRng,
) -> (usize, Option<Uuid>) {
    let mut reach = Reach::first(terms);
    loop {
        let (found, floor) = index.within(call, reach);
        let candidates: Vec<Candidate<'_>> = found
            .iter()
            .map(|profile| Candidate {
                buyer: account,
                profile: Some(profile),
                bid: None,
            })
            .collect();
        let mut counters = Counters::default();
        let decision = decide(call, terms, &candidates, &mut counters, NOW, chance);
        if reach.is_enough(floor, &decision, &candidates, terms) {
            let winner = decision.winner.and_then(|one| found.get(one.candidate));
            return (found.len(), winner.map(|profile| profile.id));
        }
        reach = reach.wider();
    }
}

/// The mean time to settle a second-price auction of `bids` placed bids.
pub fn auction(bids: u32, auctions: u32) -> Duration {
    let mut chance = SmallRng::seed_from_u64(3);
    let placed: Vec<(Buyer, Bid)> = (0..bids)
        .map(|number| (account(number, &mut chance), bid(number, &mut chance)))
        .collect();
    let candidates: Vec<Candidate<'_>> = placed
        .iter()
        .map(|(buyer, bid)| Candidate {
            buyer,
            profile: None,
            bid: Some(bid),
        })
        .collect();
    let terms = Terms {
        auction: Some(AuctionTerms {
            form: Form::SecondPrice,
            reserve: 300,
            increment: 5,
            ..AuctionTerms::default()
        }),
        quality_weight_millionths: 300_000,
        ..terms()
    };
    let call = call();
    mean(auctions, || {
        std::hint::black_box(settle(&call, &terms, &candidates, NOW).winner);
    })
}

/// The mean of the quickest of [`ROUNDS`] rounds: what the work costs, not what others do to the machine.
fn mean(times: u32, mut once: impl FnMut()) -> Duration {
    let times = (times / ROUNDS).max(1);
    let round = |_| {
        let started = Instant::now();
        for _ in 0..times {
            once();
        }
        started.elapsed() / times
    };
    (0..ROUNDS).map(round).min().unwrap_or_default()
}

fn market(profiles: u32, chance: &mut SmallRng) -> Vec<(Buyer, Profile)> {
    (0..profiles)
        .map(|number| {
            let amount = chance.random_range(100..2_000);
            let mut profile = profile(number, amount);
            profile.criteria = compiled(CriteriaSpec {
                states: vec!["CA".to_owned(), "NV".to_owned()],
                tags: vec![tag(if number.is_multiple_of(8) {
                    "roof"
                } else {
                    "solar"
                })],
                hours: Hours::default(),
                max_price: Some(5_000),
                ..CriteriaSpec::default()
            });
            (account(number, chance), profile)
        })
        .collect()
}

fn standing(market: &[(Buyer, Profile)]) -> Vec<Candidate<'_>> {
    market
        .iter()
        .map(|(buyer, profile)| Candidate {
            buyer,
            profile: Some(profile),
            bid: None,
        })
        .collect()
}

fn account(number: u32, chance: &mut SmallRng) -> Buyer {
    let calls = chance.random_range(0..1_000);
    let mut buyer = buyer(number);
    buyer.hours = serde_json::from_str(r#""00:00-23:59""#).unwrap_or_default();
    buyer.caps.daily = Some(10_000);
    buyer.caps.daily_budget = Some(1_000_000);
    buyer.weight = chance.random_range(1..100);
    buyer.quality = Quality {
        conversion: Some(chance.random_range(0..1_000_000)),
        fraud_risk: Some(chance.random_range(0..1_000_000)),
        conversion_calls: calls,
        conversions: calls / 5,
        ..Quality::default()
    };
    buyer
}

fn placed(number: u32, chance: &mut SmallRng) -> Profile {
    let mut profile = profile(number, chance.random_range(100..2_000));
    let mut spec = CriteriaSpec {
        tags: vec![tag(if number.is_multiple_of(4) {
            "roof"
        } else {
            "solar"
        })],
        ..CriteriaSpec::default()
    };
    match number % 3 {
        0 => spec.npas = (0..3).map(|_| npa(chance)).collect(),
        1 => spec.states = vec![state(chance).to_owned()],
        _ => profile.call_campaign_id = (number.is_multiple_of(2)).then_some(CAMPAIGN),
    }
    profile.criteria = compiled(spec);
    profile
}

fn somewhere(chance: &mut SmallRng) -> Call {
    Call {
        npa: Some(npa(chance)),
        state: Code::region(state(chance)),
        ..call()
    }
}

fn bid(number: u32, chance: &mut SmallRng) -> Bid {
    Bid {
        id: Uuid::from_u128(u128::from(number) + 1),
        amount: chance.random_range(200..2_000),
        currency: terms().currency,
        expires: None,
        tm_create: NOW,
    }
}

fn npa(chance: &mut SmallRng) -> u16 {
    let step: u16 = chance.random_range(0..NPAS).try_into().unwrap_or_default();
    NPA_FIRST + step
}

fn state(chance: &mut SmallRng) -> &'static str {
    STATES
        .get(chance.random_range(0..STATES.len()))
        .unwrap_or(&"CA")
}

fn tag(value: &str) -> TagSpec {
    TagSpec {
        key: "product".to_owned(),
        op: TagOp::Eq,
        value: value.to_owned(),
    }
}

fn compiled(spec: CriteriaSpec) -> Criteria {
    Criteria::new(&spec).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_the_work_itself() {
        let mut chance = SmallRng::seed_from_u64(1);
        let market = market(80, &mut chance);
        let decision = decide(
            &call(),
            &terms(),
            &standing(&market),
            &mut Counters::default(),
            NOW,
            &mut chance,
        );
        assert_eq!(decision.ranked.len(), 70);
        let mut index = Index::new(1_000);
        for number in 0..1_000 {
            assert!(index.insert(Arc::new(placed(number, &mut chance))));
        }
        let call = somewhere(&mut chance);
        let account = account(1, &mut chance);
        let (looked_at, winner) = routed(&index, &call, &terms(), &account, &mut chance);
        assert!(winner.is_some());
        assert!((64..1_000).contains(&looked_at), "{looked_at}");
    }

    /// `cargo test --release -p bin-call-manager --lib figures -- --ignored --nocapture`
    #[test]
    #[ignore = "figures mean something in a release build only"]
    fn figures() {
        for strategy in [
            Strategy::HighestBid,
            Strategy::RoundRobin,
            Strategy::Weighted,
            Strategy::Priority,
            Strategy::Skill,
            Strategy::LeastCost,
            Strategy::Performance,
        ] {
            for profiles in [10, 100, 1_000] {
                let time = decision(profiles, 100_000 / profiles, strategy);
                println!("decision over {profiles:>5} {strategy:?}: {time:?}");
            }
        }
        let decided = decision(1_000, 1_000, Strategy::HighestBid);
        let (p50_1000, p99_1000) = indexed(1_000, 10_000);
        println!("by the index of 1,000: p50 {p50_1000:?}, p99 {p99_1000:?}");
        let (p50, p99) = indexed(100_000, 10_000);
        println!("by the index of 100,000: p50 {p50:?}, p99 {p99:?}");
        for bids in [10, 100, 1_000] {
            println!("auction of {bids:>5}: {:?}", auction(bids, 100_000 / bids));
        }
        assert!(auction(1_000, 100) <= Duration::from_millis(1));
        assert!(p99 < Duration::from_millis(1));
        assert!(p50_1000 <= Duration::from_micros(100));
        assert!(decided <= Duration::from_micros(100));
    }
}
