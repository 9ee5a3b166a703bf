//! The decision alone, in this process.

use std::time::Duration;

use bin_did_manager::measure::decision;

use crate::{
    report::{Goal, Section},
    stand::Stand,
};

const NUMBERS: u32 = 1_000;
const GOAL: Duration = Duration::from_micros(20);

/// Reports the mean time.
pub(super) fn measure(stand: &Stand, section: &mut Section) {
    let times = stand.pick(200_000, 50_000);
    let time = decision(NUMBERS, times);
    let goal = Goal {
        text: format!("< {} µs", GOAL.as_micros()),
        is_met: time < GOAL,
    };
    section.figure(
        format!("the decision alone, {NUMBERS} numbers"),
        format!("{:.2} µs (mean of {times})", time.as_secs_f64() * 1e6),
        Some(goal),
    );
}
