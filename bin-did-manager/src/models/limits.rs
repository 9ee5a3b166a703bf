//! Limits of numbers that fit together, or do not: a rest may be so long that a cap is never reached.

use serde::Serialize;
use tracing::warn;

const HOUR_SECONDS: i32 = 3_600;
const DAY_SECONDS: i32 = 24 * HOUR_SECONDS;

/// What holds for a number's calls; 0 = no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls a day.
    pub daily_cap: i32,
    /// Calls a clock hour.
    pub hourly_cap: i32,
    /// Seconds between two calls.
    pub cooldown_seconds: i32,
}

impl Limits {
    /// Calls of one number in an hour at most; none = any number.
    pub fn hourly_most(self) -> Option<i32> {
        least(self.hourly_cap, rests(self.cooldown_seconds, HOUR_SECONDS))
    }

    /// Calls of one number in a day of so many hours at most; none = any number.
    pub fn daily_most(self, hours: i32) -> Option<i32> {
        let by_hour = (self.hourly_cap > 0).then(|| self.hourly_cap.saturating_mul(hours));
        let by_rest = rests(self.cooldown_seconds, hours.saturating_mul(HOUR_SECONDS));
        least(self.daily_cap, by_hour.into_iter().chain(by_rest).min())
    }

    /// What of it cannot be reached, each in a sentence.
    pub fn contradictions(self) -> Vec<String> {
        let mut found = Vec::new();
        let rest = self.cooldown_seconds;
        if let Some(most) = rests(rest, HOUR_SECONDS).filter(|most| *most < self.hourly_cap) {
            found.push(format!(
                "{} calls an hour cannot be reached: {rest} seconds of rest leave {most}; rest {} seconds at most, or lower the cap",
                self.hourly_cap,
                HOUR_SECONDS / self.hourly_cap
            ));
        }
        let by_hour = (self.hourly_cap > 0).then(|| self.hourly_cap.saturating_mul(24));
        let by_rest = rests(rest, DAY_SECONDS);
        let most = by_hour.into_iter().chain(by_rest).min();
        if let Some(most) = most.filter(|most| *most < self.daily_cap) {
            found.push(format!(
                "{} calls a day cannot be reached: the cap of the hour and the rest leave {most}",
                self.daily_cap
            ));
        }
        found
    }
}

/// What was made or changed, and what of its limits cannot be reached.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Remarked{R}")]
pub struct Remarked<R> {
    #[serde(flatten)]
    row: R,
    /// Each a sentence; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl<R> Remarked<R> {
    /// Looks at the limits that hold for it.
    pub fn new(row: R, limits: Limits) -> Self {
        let warnings = limits.contradictions();
        for warning in &warnings {
            warn!(warning, "limits that contradict");
        }
        Self { row, warnings }
    }
}

/// Calls within a span when each is followed by a rest.
fn rests(rest: i32, span: i32) -> Option<i32> {
    (rest > 0).then(|| span / rest + i32::from(span % rest > 0))
}

/// The lesser of a cap, where there is one, and another limit.
fn least(cap: i32, other: Option<i32>) -> Option<i32> {
    let cap = (cap > 0).then_some(cap);
    cap.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::models::customer::Customer;

    const fn limits(daily_cap: i32, hourly_cap: i32, cooldown_seconds: i32) -> Limits {
        Limits {
            daily_cap,
            hourly_cap,
            cooldown_seconds,
        }
    }

    #[rstest]
    #[case(limits(75, 15, 240), Some(15), Some(75))]
    #[case(limits(75, 15, 300), Some(12), Some(75))]
    #[case(limits(0, 15, 300), Some(12), Some(96))]
    #[case(limits(0, 0, 0), None, None)]
    #[case(limits(0, 0, 7_200), Some(1), Some(4))]
    #[case(limits(0, 10, 0), Some(10), Some(80))]
    #[case(limits(50, 0, 0), None, Some(50))]
    #[case(limits(0, 0, 7), Some(515), Some(4_115))]
    #[case(limits(0, i32::MAX, 0), Some(i32::MAX), Some(i32::MAX))]
    fn the_calls_that_limits_leave(
        #[case] limits: Limits,
        #[case] hour: Option<i32>,
        #[case] day: Option<i32>,
    ) {
        assert_eq!((limits.hourly_most(), limits.daily_most(8)), (hour, day));
    }

    #[rstest]
    #[case(limits(75, 15, 240), 0)]
    #[case(limits(75, 12, 300), 0)]
    #[case(limits(75, 0, 0), 0)]
    #[case(limits(0, 0, 300), 0)]
    #[case(limits(75, 15, 300), 1)]
    #[case(limits(75, 15, 241), 0)]
    #[case(limits(75, 15, 258), 1)]
    #[case(limits(400, 15, 0), 1)]
    #[case(limits(360, 15, 0), 0)]
    #[case(limits(100, 0, 3_600), 1)]
    #[case(limits(100, 10, 3_600), 2)]
    #[case(limits(1, 1, i32::MAX), 0)]
    fn limits_that_contradict(#[case] limits: Limits, #[case] count: usize) {
        let found = limits.contradictions();
        assert_eq!(found.len(), count, "{found:?}");
    }

    #[test]
    fn the_defaults_fit_together() {
        assert_eq!(
            Customer::default().limits().contradictions(),
            [] as [String; 0]
        );
        assert_eq!(Customer::default().limits().hourly_most(), Some(15));
    }
}
