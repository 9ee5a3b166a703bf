//! Quiet hours: when nobody is bothered.

use std::time::Duration;

use bin_common_handler::models::{
    hours::{Hours, WEEK_MINUTES, minute_of_week},
    time::Timestamp,
};
use chrono_tz::Tz;

/// A minute.
const MINUTE: Duration = Duration::from_secs(60);
const MINUTE_MICROS: i64 = 60_000_000;

/// The first moment from `at` that is not quiet. Hours that are quiet all week would let nothing through, ever: then `at`.
pub(super) fn after(quiet: &Hours, timezone: &str, at: Timestamp) -> Timestamp {
    let zone: Tz = timezone.parse().unwrap_or_default();
    let is_quiet = |at| quiet.is_open(minute_of_week(zone, at));
    if quiet.windows().is_empty() || !is_quiet(at) {
        return at;
    }
    let mut minute = Timestamp::from_micros(at.micros() - at.micros().rem_euclid(MINUTE_MICROS));
    for _ in 0..WEEK_MINUTES {
        minute = minute.plus(MINUTE);
        if !is_quiet(minute) {
            return minute;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use rstest::rstest;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_micros(
            DateTime::parse_from_rfc3339(text)
                .unwrap()
                .timestamp_micros(),
        )
    }

    #[rstest]
    #[case::day("2026-03-02T15:00:30Z", "2026-03-02T15:00:30Z")]
    #[case::evening("2026-03-03T03:30:30Z", "2026-03-03T13:00:00Z")]
    #[case::ends("2026-03-03T13:00:00Z", "2026-03-03T13:00:00Z")]
    // The clocks of New York go forward in this night, so eight o'clock comes an hour earlier in UTC.
    #[case::short_night("2026-03-08T04:00:00Z", "2026-03-08T12:00:00Z")]
    fn what_falls_into_a_quiet_night_waits_for_its_end(#[case] from: &str, #[case] to: &str) {
        let night = r#"[{"from": "21:00", "to": "08:00"}]"#;
        let quiet: Hours = serde_json::from_str(night).unwrap();
        assert_eq!(after(&quiet, "America/New_York", at(from)), at(to));
    }

    #[test]
    fn no_quiet_hours_and_nothing_else_let_everything_through() {
        let now = at("2026-03-03T03:30:30Z");
        let always: Hours = serde_json::from_str(r#"[{"from": "00:00", "to": "24:00"}]"#).unwrap();
        assert_eq!(after(&Hours::default(), "UTC", now), now);
        assert_eq!(after(&always, "UTC", now), now);
    }
}
