//! Turns and shares over many calls.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;

use super::{Market, decided, market, samples};
use crate::choice::{
    counters::Counters,
    terms::{Strategy, Terms},
};

const CALLS: u32 = 3_000;

fn wins(
    strategy: Strategy,
    market: &Market,
    counters: &mut Counters,
    calls: u32,
) -> BTreeMap<usize, u32> {
    let terms = Terms {
        strategy,
        ..samples::terms()
    };
    let mut wins: BTreeMap<usize, u32> = (0..market.len()).map(|who| (who, 0)).collect();
    for _ in 0..calls {
        let decision = decided(&samples::call(), &terms, market, counters, 0);
        *wins.get_mut(&decision.winner.unwrap().candidate).unwrap() += 1;
    }
    wins
}

fn weighted(weights: &[u32]) -> Market {
    let amounts: Vec<i64> = (0..weights.len()).map(|_| 500).collect();
    let mut market = market(&amounts);
    for ((buyer, _), weight) in market.iter_mut().zip(weights) {
        buyer.weight = *weight;
    }
    market
}

fn within_one_percent(wins: &BTreeMap<usize, u32>, weights: &[u32]) -> bool {
    let total = f64::from(weights.iter().sum::<u32>());
    wins.iter().all(|(who, won)| {
        let due = f64::from(weights[*who]) / total * f64::from(CALLS);
        (f64::from(*won) - due).abs() <= f64::from(CALLS) / 100.0
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn weights_are_kept_within_one_percent(
        weights in proptest::collection::vec(1_u32..100, 1..12), by_priority: bool,
    ) {
        let strategy = if by_priority { Strategy::Priority } else { Strategy::Weighted };
        let wins = wins(strategy, &weighted(&weights), &mut Counters::default(), CALLS);
        prop_assert!(within_one_percent(&wins, &weights), "{:?} of {:?}", wins, weights);
    }
}

#[test]
fn round_robin_differs_by_at_most_one_over_3000_calls() {
    let wins = wins(
        Strategy::RoundRobin,
        &market(&[900, 100, 500, 500, 300, 200, 700]),
        &mut Counters::default(),
        CALLS,
    );
    let (least, most) = (wins.values().min().unwrap(), wins.values().max().unwrap());
    assert!(most - least <= 1, "{wins:?}");
}

proptest! {
    /// Whoever came and went before: any run of the same candidates is even.
    #[test]
    fn round_robin_is_even_over_any_run(
        before in proptest::collection::vec(proptest::collection::btree_set(0_usize..6, 1..6), 0..30),
        run in 1_u32..40,
    ) {
        let all = market(&[500, 500, 400, 300, 900, 500]);
        let mut counters = Counters::default();
        for present in before {
            let some: Market = present.iter().map(|who| all[*who].clone()).collect();
            wins(Strategy::RoundRobin, &some, &mut counters, 1);
        }
        let wins = wins(Strategy::RoundRobin, &all, &mut counters, run);
        prop_assert!(wins.values().max().unwrap() - wins.values().min().unwrap() <= 1);
    }
}

#[test]
fn who_comes_back_neither_floods_nor_starves() {
    let all = weighted(&[1, 1, 1]);
    let mut counters = Counters::default();
    wins(Strategy::Weighted, &all[..2].to_vec(), &mut counters, 500);
    let wins = wins(Strategy::Weighted, &all, &mut counters, 300);
    assert!(
        wins.values().all(|won| (97..=103).contains(won)),
        "{wins:?}"
    );
}

#[test]
fn without_weight_only_when_nobody_else_is_left() {
    let mut counters = Counters::default();
    let two = weighted(&[0, 1]);
    assert_eq!(wins(Strategy::Weighted, &two, &mut counters, 50)[&0], 0);
    assert_eq!(wins(Strategy::Priority, &two, &mut counters, 50)[&0], 0);
    let alone = weighted(&[0]);
    assert_eq!(wins(Strategy::Weighted, &alone, &mut counters, 50)[&0], 50);
}

#[rstest]
#[case(Strategy::Weighted)]
#[case(Strategy::Priority)]
fn where_nobody_has_weight_all_have_the_same(#[case] strategy: Strategy) {
    let wins = wins(strategy, &weighted(&[0, 0, 0]), &mut Counters::default(), 9);
    assert_eq!(wins, BTreeMap::from([(0, 3), (1, 3), (2, 3)]));
}

#[test]
fn weights_share_within_the_first_priority_only() {
    let mut market = weighted(&[3, 1, 100]);
    market[2].0.priority = 2;
    let wins = wins(Strategy::Priority, &market, &mut Counters::default(), 400);
    assert_eq!(wins, BTreeMap::from([(0, 300), (1, 100), (2, 0)]));
}
