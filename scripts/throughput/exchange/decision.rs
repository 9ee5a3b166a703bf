//! The decision alone, in this process: no queue, no SQL.

use std::time::Duration;

use bin_call_manager::choice::{
    measure::{auction, decision, indexed},
    terms::Strategy,
};

use crate::{
    report::{Goal, Section},
    stand::Stand,
};

const PROFILES: u32 = 1_000;
const DECISION_GOAL: Duration = Duration::from_micros(100);
const MANY_PROFILES: u32 = 100_000;
const INDEXED_GOAL: Duration = Duration::from_millis(1);
const BIDS: [u32; 3] = [10, 100, 1_000];
const AUCTION_GOAL: Duration = Duration::from_millis(1);

/// Reports the times.
pub(super) fn measure(stand: &Stand, section: &mut Section) {
    let times = stand.pick(5_000, 1_000);
    for (name, strategy) in [
        ("highest bid", Strategy::HighestBid),
        ("round robin", Strategy::RoundRobin),
        ("weighted", Strategy::Weighted),
        ("skill", Strategy::Skill),
        ("least cost", Strategy::LeastCost),
    ] {
        for profiles in [100, PROFILES] {
            let time = decision(profiles, times, strategy);
            let goal = (profiles == PROFILES).then(|| within(time, DECISION_GOAL));
            let what = format!("the decision alone, {profiles} profiles, {name}");
            section.figure(what, micros(time), goal);
        }
    }
    let (median, p99) = indexed(MANY_PROFILES, times);
    section.figure(
        format!("the decision by the index, {MANY_PROFILES} profiles, highest bid"),
        format!("{} median, {} p99", micros(median), micros(p99)),
        Some(within(p99, INDEXED_GOAL)),
    );
    for bids in BIDS {
        let time = auction(bids, stand.pick(500, 100));
        let goal = (Some(&bids) == BIDS.last()).then(|| within(time, AUCTION_GOAL));
        section.figure(
            format!("an auction of {bids} bids, settled"),
            micros(time),
            goal,
        );
    }
}

fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

fn within(time: Duration, most: Duration) -> Goal {
    Goal {
        text: format!("≤ {} µs", most.as_micros()),
        is_met: time <= most,
    }
}
