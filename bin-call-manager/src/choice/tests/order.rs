//! The ranking is a total order: arrival decides nothing, more money never hurts, more fraud never helps.

use std::collections::BTreeMap;

use proptest::{prelude::*, strategy::Strategy as _};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use rstest::rstest;

use super::{Market, STRATEGIES, decided, market, ranking, samples};
use crate::choice::{
    counters::Counters,
    criteria::{Criteria, CriteriaSpec},
    quality::Quality,
    tags::{TagOp, TagSpec},
    terms::{AuctionTerms, Form, Strategy, Terms},
};

/// Up to a dozen bids with few different values, so that ties are frequent.
fn markets() -> impl proptest::strategy::Strategy<Value = Market> {
    let one = (
        0_i64..6,
        0_u32..=4,
        0_u32..=4,
        0_i32..3,
        0_u32..4,
        0_i64..3,
        0_u32..10,
    );
    proptest::collection::vec(one, 1..12).prop_map(|bids| {
        (1..)
            .zip(bids)
            .map(
                |(number, (amount, fraud, conversion, priority, weight, age, calls))| {
                    let mut buyer = samples::buyer(number);
                    buyer.quality = Quality {
                        fraud_risk: fraud.checked_sub(1).map(|quarters| quarters * 333_333),
                        conversion: conversion.checked_sub(1).map(|parts| parts * 333_333),
                        conversion_calls: calls,
                        conversions: calls / 2,
                        ..Quality::default()
                    };
                    buyer.priority = priority;
                    buyer.weight = weight;
                    let mut profile = samples::profile(number, 300 + amount * 100);
                    profile.tm_create =
                        samples::NOW.minus(std::time::Duration::from_secs(age.unsigned_abs()));
                    (buyer, profile)
                },
            )
            .collect()
    })
}

fn some_terms() -> impl proptest::strategy::Strategy<Value = Terms> {
    (
        proptest::sample::select(STRATEGIES.to_vec()),
        prop_oneof![Just(0), Just(1_000_000), 0_u32..1_000_000],
        any::<bool>(),
    )
        .prop_map(|(strategy, quality_weight_millionths, second)| Terms {
            strategy,
            quality_weight_millionths,
            auction: Some(AuctionTerms {
                form: if second {
                    Form::SecondPrice
                } else {
                    Form::FirstPrice
                },
                reserve: 300,
                increment: 7,
                ..AuctionTerms::default()
            }),
            ..samples::terms()
        })
}

/// A campaign that has given some calls already.
fn history(terms: &Terms, market: &Market, turns: u64) -> Counters {
    let mut counters = Counters::default();
    for turn in 0..turns {
        decided(&samples::call(), terms, market, &mut counters, turn);
    }
    counters
}

fn rank_of(name: &str, ranks: &[&str]) -> usize {
    ranks.iter().position(|ranked| *ranked == name).unwrap()
}

proptest! {
    #[test]
    fn the_order_of_arrival_decides_nothing(
        market in markets(), terms in some_terms(), turns in 0_u64..20, seed: u64,
    ) {
        let before = history(&terms, &market, turns);
        let (mut counters, mut shuffled_counters) = (before.clone(), before);
        let decision = decided(&samples::call(), &terms, &market, &mut counters, seed);
        let mut shuffled = market.clone();
        let mut chance = SmallRng::seed_from_u64(seed);
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, chance.random_range(0..=at));
        }
        let again = decided(&samples::call(), &terms, &shuffled, &mut shuffled_counters, seed);
        prop_assert_eq!(ranking(&decision, &market), ranking(&again, &shuffled));
        prop_assert_eq!(
            decision.winner.map(|winner| (winner.price, winner.effective_bid)),
            again.winner.map(|winner| (winner.price, winner.effective_bid))
        );
        prop_assert_eq!(counters, shuffled_counters);
    }

    #[test]
    fn a_higher_bid_never_lowers_a_rank(
        market in markets(), terms in some_terms(), turns in 0_u64..20, seed: u64, who: usize, more in 1_i64..400,
    ) {
        prop_assume!(terms.strategy != Strategy::LeastCost);
        let counters = history(&terms, &market, turns);
        let who = who % market.len();
        let name = market[who].0.name.clone();
        let decision = decided(&samples::call(), &terms, &market, &mut counters.clone(), seed);
        let rank = rank_of(&name, &ranking(&decision, &market));
        let mut raised = market.clone();
        raised[who].1.amount = market[who].1.amount.map(|amount| amount + more);
        let again = decided(&samples::call(), &terms, &raised, &mut counters.clone(), seed);
        prop_assert!(rank_of(&name, &ranking(&again, &raised)) <= rank);
    }

    #[test]
    fn a_higher_fraud_risk_never_raises_a_rank(
        market in markets(), terms in some_terms(), turns in 0_u64..20, seed: u64, who: usize, more in 1_u32..1_000_000,
    ) {
        let counters = history(&terms, &market, turns);
        let who = who % market.len();
        let name = market[who].0.name.clone();
        let decision = decided(&samples::call(), &terms, &market, &mut counters.clone(), seed);
        let rank = rank_of(&name, &ranking(&decision, &market));
        let mut worse = market.clone();
        let risk = market[who].0.quality.fraud_risk.unwrap_or(500_000);
        worse[who].0.quality.fraud_risk = Some((risk + more).min(1_000_000));
        let again = decided(&samples::call(), &terms, &worse, &mut counters.clone(), seed);
        prop_assert!(rank_of(&name, &ranking(&again, &worse)) >= rank);
    }

    #[test]
    fn the_winner_pays_between_the_reserve_and_its_bid(
        market in markets(), terms in some_terms(), seed: u64,
    ) {
        let decision = decided(&samples::call(), &terms, &market, &mut Counters::default(), seed);
        let winner = decision.winner.unwrap();
        let amount = market[winner.candidate].1.amount.unwrap();
        prop_assert!((300..=amount).contains(&winner.price));
        prop_assert_eq!(winner.candidate, decision.ranked[0].candidate);
    }

    /// The presence of one that is ranked last changes nothing above it.
    #[test]
    fn who_is_last_could_as_well_be_away(
        market in markets(), terms in some_terms(), turns in 0_u64..20, seed: u64,
    ) {
        let counters = history(&terms, &market, turns);
        let decision = decided(&samples::call(), &terms, &market, &mut counters.clone(), seed);
        let mut ranks = ranking(&decision, &market);
        let last = ranks.pop().unwrap();
        let without: Market = market.iter().filter(|(buyer, _)| buyer.name != last).cloned().collect();
        let again = decided(&samples::call(), &terms, &without, &mut counters.clone(), seed);
        prop_assert_eq!(ranks, ranking(&again, &without));
    }
}

#[rstest]
#[case(Strategy::HighestBid, ["Buyer 1", "Buyer 2", "Buyer 3"])]
#[case(Strategy::LeastCost, ["Buyer 3", "Buyer 2", "Buyer 1"])]
#[case(Strategy::Priority, ["Buyer 2", "Buyer 1", "Buyer 3"])]
#[case(Strategy::Skill, ["Buyer 3", "Buyer 2", "Buyer 1"])]
fn a_strategy_has_its_key(#[case] strategy: Strategy, #[case] expected: [&str; 3]) {
    let mut market = market(&[900, 800, 700]);
    market[0].0.priority = 2;
    market[2].0.priority = 3;
    market[1].0.quality.answer = Some(1_000_000);
    let spec = CriteriaSpec {
        tags: vec![TagSpec {
            key: "product".to_owned(),
            op: TagOp::Eq,
            value: "solar".to_owned(),
        }],
        ..CriteriaSpec::default()
    };
    market[2].1.criteria = Criteria::new(&spec).unwrap();
    let terms = Terms {
        strategy,
        ..samples::terms()
    };
    let decision = decided(
        &samples::call(),
        &terms,
        &market,
        &mut Counters::default(),
        0,
    );
    assert_eq!(ranking(&decision, &market), expected);
}

#[test]
fn equals_are_ranked_by_priority_then_the_earliest_then_the_id() {
    let mut market = market(&[500, 500, 500, 500]);
    market[3].0.priority = 0;
    market[2].1.tm_create = samples::NOW.minus(std::time::Duration::from_micros(1));
    market.swap(0, 1);
    let decision = decided(
        &samples::call(),
        &samples::terms(),
        &market,
        &mut Counters::default(),
        0,
    );
    assert_eq!(
        ranking(&decision, &market),
        ["Buyer 4", "Buyer 3", "Buyer 1", "Buyer 2"]
    );
}

#[test]
fn performance_prefers_who_converts_and_still_tries_who_is_new() {
    let mut market = market(&[500, 500, 500]);
    market[0].0.quality.conversion_calls = 400;
    market[0].0.quality.conversions = 120;
    market[1].0.quality.conversion_calls = 400;
    market[1].0.quality.conversions = 20;
    let terms = Terms {
        strategy: Strategy::Performance,
        ..samples::terms()
    };
    let mut wins = BTreeMap::new();
    for seed in 0..3_000 {
        let decision = decided(
            &samples::call(),
            &terms,
            &market,
            &mut Counters::default(),
            seed,
        );
        *wins.entry(ranking(&decision, &market)[0]).or_insert(0) += 1;
    }
    // The new one's rate is uniform: above 0.3 in seven of ten draws.
    let new = f64::from(wins["Buyer 3"]) / 3_000.0;
    assert!((new - 0.7).abs() < 0.05, "{wins:?}");
    assert!(!wins.contains_key("Buyer 2"), "{wins:?}");
}
