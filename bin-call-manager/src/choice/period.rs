//! When the hour, the day and the month of a zone began: what hourly, daily and monthly caps count from.

use std::time::Duration;

use bin_common_handler::models::time::Timestamp;
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;

/// Where clocks skip midnight, the day begins when they go on: at most so many quarters of an hour later.
const QUARTERS_SKIPPED_MAX: i32 = 12;

/// Starts of the periods that an instant lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// The clock's hour.
    pub hour: Timestamp,
    /// Local midnight.
    pub day: Timestamp,
    /// Local midnight of the first.
    pub month: Timestamp,
}

impl Periods {
    /// Those of `now` in that zone.
    pub fn new(now: Timestamp, zone: Tz) -> Self {
        let local = DateTime::from_timestamp_micros(now.micros())
            .unwrap_or_default()
            .with_timezone(&zone);
        let into_hour = Duration::from_secs(u64::from(local.minute() * 60 + local.second()))
            + Duration::from_nanos(u64::from(local.nanosecond()));
        let today = local.date_naive();
        Self {
            hour: now.minus(into_hour),
            day: midnight(today, zone).unwrap_or(now),
            month: today
                .with_day(1)
                .and_then(|first| midnight(first, zone))
                .unwrap_or(now),
        }
    }
}

fn midnight(date: NaiveDate, zone: Tz) -> Option<Timestamp> {
    let start = date.and_hms_opt(0, 0, 0)?;
    (0..=QUARTERS_SKIPPED_MAX).find_map(|quarters| {
        let local = start + TimeDelta::minutes(i64::from(quarters) * 15);
        let first = zone.from_local_datetime(&local).earliest()?;
        Some(Timestamp::from(first.to_utc()))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "2026-11-27T06:30:15Z",
        "America/New_York",
        "2026-11-27T06:00:00Z",
        "2026-11-27T05:00:00Z",
        "2026-11-01T04:00:00Z"
    )]
    #[case(
        "2026-11-27T06:30:15Z",
        "Asia/Kathmandu",
        "2026-11-27T06:15:00Z",
        "2026-11-26T18:15:00Z",
        "2026-10-31T18:15:00Z"
    )]
    // Clocks in Cairo skip midnight of this day.
    #[case(
        "2026-04-24T10:00:00Z",
        "Africa/Cairo",
        "2026-04-24T10:00:00Z",
        "2026-04-23T22:00:00Z",
        "2026-03-31T22:00:00Z"
    )]
    fn periods_begin_by_the_local_clock(
        #[case] now: &str,
        #[case] zone: &str,
        #[case] hour: &str,
        #[case] day: &str,
        #[case] month: &str,
    ) {
        let periods = Periods::new(now.parse().unwrap(), zone.parse().unwrap());
        assert_eq!(periods.hour, hour.parse::<Timestamp>().unwrap());
        assert_eq!(periods.day, day.parse::<Timestamp>().unwrap());
        assert_eq!(periods.month, month.parse::<Timestamp>().unwrap());
    }
}
