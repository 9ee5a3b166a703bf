//! Business time: a deadline counts only while the business is open.

use std::time::Duration;

use bin_common_handler::models::{
    hours::{Hours, WEEK_MINUTES, minute_of_week},
    time::Timestamp,
};
use chrono_tz::Tz;

const MINUTE: i64 = 60_000_000;
/// Clocks are changed on the quarter of an hour: within one, local time runs like any other.
const QUARTER: i64 = 15 * MINUTE;
/// Quarters that are walked at most: a year.
const QUARTERS_MAX: usize = 366 * 96;

/// When `after` of open time has passed since `from`. Where the business is not open for so long within a year, the
/// end of that year.
pub fn deadline(from: Timestamp, after: Duration, hours: &Hours, zone: Tz) -> Timestamp {
    if hours.windows().is_empty() {
        return from.plus(after);
    }
    let mut left = i64::try_from(after.as_micros()).unwrap_or(i64::MAX);
    let mut at = from.micros();
    for _ in 0..QUARTERS_MAX {
        let minute = minute_of_week(zone, Timestamp::from_micros(at));
        let next = next_change(at, minute, hours);
        let span = next.saturating_sub(at);
        if hours.is_open(minute) {
            if span >= left {
                return Timestamp::from_micros(at.saturating_add(left));
            }
            left -= span;
        }
        at = next;
    }
    Timestamp::from_micros(at)
}

/// The next instant at which it may open or close, or clocks may be changed.
fn next_change(at: i64, minute: u16, hours: &Hours) -> i64 {
    let edges = hours.open().iter().flat_map(|(start, end)| [*start, *end]);
    let edge = edges.filter(|edge| *edge > minute).min();
    let minutes = i64::from(edge.unwrap_or(WEEK_MINUTES) - minute);
    let opens = at - at.rem_euclid(MINUTE) + minutes * MINUTE;
    let quarter = at - at.rem_euclid(QUARTER) + QUARTER;
    opens.min(quarter)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const OFFICE: &str =
        r#"[{"days":["mon","tue","wed","thu","fri"],"from":"09:00","to":"17:00"}]"#;

    #[rstest]
    // Monday is 2026-11-02.
    #[case::open("2026-11-02T10:00:00Z", 3_600, OFFICE, "UTC", "2026-11-02T11:00:00Z")]
    #[case::to_the_second("2026-11-02T10:00:30.5Z", 45, OFFICE, "UTC", "2026-11-02T10:01:15.5Z")]
    #[case::until_closing("2026-11-02T16:00:00Z", 3_600, OFFICE, "UTC", "2026-11-02T17:00:00Z")]
    #[case::over_night("2026-11-02T16:30:00Z", 3_600, OFFICE, "UTC", "2026-11-03T09:30:00Z")]
    #[case::over_the_weekend("2026-11-06T16:59:30Z", 60, OFFICE, "UTC", "2026-11-09T09:00:30Z")]
    #[case::before_opening("2026-11-02T03:00:00Z", 600, OFFICE, "UTC", "2026-11-02T09:10:00Z")]
    #[case::elsewhere(
        "2026-11-02T03:00:00Z",
        600,
        OFFICE,
        "America/New_York",
        "2026-11-02T14:10:00Z"
    )]
    #[case::always("2026-11-02T03:00:00Z", 600, "null", "UTC", "2026-11-02T03:10:00Z")]
    // On 2026-11-01 New York has the hour from one to two twice.
    #[case::twice(
        "2026-11-01T04:30:00Z",
        5_400,
        r#""00:00-01:30""#,
        "America/New_York",
        "2026-11-01T06:30:00Z"
    )]
    fn time_counts_while_it_is_open(
        #[case] from: &str,
        #[case] seconds: u64,
        #[case] hours: &str,
        #[case] zone: &str,
        #[case] expected: &str,
    ) {
        let hours: Hours = serde_json::from_str(hours).unwrap();
        let due = deadline(
            from.parse().unwrap(),
            Duration::from_secs(seconds),
            &hours,
            zone.parse().unwrap(),
        );
        assert_eq!(due, expected.parse().unwrap(), "{due}");
    }

    #[test]
    fn what_never_fits_ends_with_the_year() {
        let hours: Hours =
            serde_json::from_str(r#"[{"days":["sun"],"from":"00:00","to":"00:01"}]"#).unwrap();
        let from: Timestamp = "2026-11-02T10:00:00Z".parse().unwrap();
        let due = deadline(from, Duration::from_secs(30 * 86_400), &hours, Tz::UTC);
        assert!(due > from.plus(Duration::from_secs(300 * 86_400)));
    }
}
