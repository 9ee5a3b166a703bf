//! Token buckets, each kept as one point in time: when it would be full of requests again if they came at
//! its rate. A request moves that point on by one step; it may not lie further ahead than the burst.

/// How often: so many a second in the long run, so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second; 0 = no limit.
    pub per_second: u32,
    /// Requests at once; 0 counts as 1.
    pub burst: u32,
}

/// A rate in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    /// Between two requests.
    pub step_us: u64,
    /// As far as the point may lie ahead.
    pub room_us: u64,
}

impl Rate {
    /// None without a limit.
    pub(super) fn steps(self) -> Option<Steps> {
        let step_us = 1_000_000_u64.checked_div(self.per_second.into())?.max(1);
        Some(Steps {
            step_us,
            room_us: step_us.saturating_mul(self.burst.max(1).into()),
        })
    }
}

impl Steps {
    /// Where the point lies after one more request at `now_us`; or how long to wait, in microseconds.
    pub(super) fn take(self, point_us: Option<u64>, now_us: u64) -> Result<u64, u64> {
        let furthest = now_us.saturating_add(self.room_us);
        // A point further ahead is of another rate, or of a clock that was set back.
        let point = point_us.unwrap_or(now_us).clamp(now_us, furthest);
        let next = point.saturating_add(self.step_us);
        match next.checked_sub(furthest) {
            None | Some(0) => Ok(next),
            Some(wait_us) => Err(wait_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const START: u64 = 1_700_000_000_000_000;

    fn rate(per_second: u32, burst: u32) -> Steps {
        Rate { per_second, burst }.steps().unwrap()
    }

    #[rstest]
    #[case(0, 5, None)]
    #[case(100, 500, Some((10_000, 5_000_000)))]
    #[case(1, 0, Some((1_000_000, 1_000_000)))]
    #[case(u32::MAX, 1, Some((1, 1)))]
    fn a_rate_in_microseconds(
        #[case] per_second: u32,
        #[case] burst: u32,
        #[case] expected: Option<(u64, u64)>,
    ) {
        let steps = Rate { per_second, burst }.steps();
        assert_eq!(steps.map(|it| (it.step_us, it.room_us)), expected);
    }

    #[test]
    fn the_burst_goes_through_then_one_a_step() {
        let (rate, mut point) = (rate(10, 3), None);
        for _ in 0..3 {
            point = Some(rate.take(point, START).unwrap());
        }
        assert_eq!(rate.take(point, START), Err(100_000));
        assert_eq!(rate.take(point, START + 99_999), Err(1));
        let later = START + 100_000;
        let point = rate.take(point, later).unwrap();
        assert_eq!(rate.take(Some(point), later), Err(100_000));
    }

    #[test]
    fn a_clock_that_was_set_back_stops_nobody_for_longer_than_a_step() {
        let rate = rate(10, 3);
        assert_eq!(rate.take(Some(START + 3_600_000_000), START), Err(100_000));
    }

    proptest! {
        #[test]
        fn no_more_than_burst_and_rate_go_through_and_waiting_helps(
            per_second in 1..2_000_u32,
            burst in 1..50_u32,
            pauses in prop::collection::vec(0..100_000_u64, 1..300),
        ) {
            let rate = rate(per_second, burst);
            let (mut now, mut point, mut taken) = (START, None, 0_u64);
            for pause in pauses {
                now += pause;
                match rate.take(point, now) {
                    Ok(next) => {
                        point = Some(next);
                        taken += 1;
                    }
                    Err(wait) => {
                        prop_assert!(wait <= rate.step_us);
                        prop_assert!(rate.take(point, now + wait).is_ok());
                        prop_assert!(rate.take(point, now + wait - 1).is_err());
                    }
                }
                let allowed = u64::from(burst) + (now - START) / rate.step_us;
                prop_assert!(taken <= allowed, "{} of {}", taken, allowed);
            }
        }
    }
}
