//! Dates as a business's own calendar has them.

use bin_common_handler::models::time::Timestamp;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

/// Longest gap in local time that is bridged, in minutes: where clocks skip midnight, the day begins after the gap.
const GAP_MAX_MINUTES: i64 = 180;

/// The date that the calendars of `zone` show at that instant.
pub fn date(zone: Tz, at: Timestamp) -> NaiveDate {
    DateTime::from_timestamp_micros(at.micros())
        .unwrap_or_default()
        .with_timezone(&zone)
        .date_naive()
}

/// The first instant of a date.
pub fn start_of(zone: Tz, date: NaiveDate) -> Timestamp {
    let midnight = date.and_time(NaiveTime::MIN);
    let start = (0..=GAP_MAX_MINUTES).find_map(|minutes| {
        let local = midnight.checked_add_signed(TimeDelta::minutes(minutes))?;
        zone.from_local_datetime(&local).earliest()
    });
    let micros = start.map_or_else(
        || midnight.and_utc().timestamp_micros(),
        |start| start.timestamp_micros(),
    );
    Timestamp::from_micros(micros)
}

/// The first instant after a date.
pub fn end_of(zone: Tz, date: NaiveDate) -> Timestamp {
    start_of(zone, date.checked_add_days(Days::new(1)).unwrap_or(date))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("America/New_York", "2026-11-20", "2026-11-20T05:00:00Z", 24)]
    #[case::spring("America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", 23)]
    #[case::autumn("America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", 25)]
    // Midnight is skipped there.
    #[case::no_midnight("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", 23)]
    fn a_day_is_as_long_as_its_zone_makes_it(
        #[case] zone: &str,
        #[case] day: &str,
        #[case] starts: &str,
        #[case] hours: u64,
    ) {
        let (zone, day) = (zone.parse().unwrap(), day.parse().unwrap());
        let start: Timestamp = starts.parse().unwrap();
        assert_eq!(start_of(zone, day), start);
        let end = start.plus(Duration::from_secs(hours * 3_600));
        assert_eq!(end_of(zone, day), end);
        assert_eq!(date(zone, start), day);
        assert_eq!(date(zone, end.minus(Duration::from_micros(1))), day);
    }
}
