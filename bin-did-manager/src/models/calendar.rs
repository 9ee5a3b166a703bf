//! The day and the clock hour that a call counts in, in a tenant's own zone.
//!
//! A window is known by the instant it begins, in µs since the Unix epoch, so that windows of a zone follow
//! each other on days of 23 and 25 hours, too.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::check::minutes;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
/// Longest gap in local time that is bridged, in minutes.
const GAP_MAX: i64 = 180;

/// A tenant's calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Calendar {
    /// Its zone.
    pub zone: Tz,
    /// When its day begins, in minutes after local midnight.
    pub day_start: u16,
}

/// The windows that an instant is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    /// The tenant's date.
    pub date: NaiveDate,
    /// When its day began.
    pub day: i64,
    /// When its day ends.
    pub day_end: i64,
    /// When its clock hour began.
    pub hour: i64,
    /// When its clock hour ends.
    pub hour_end: i64,
}

impl Windows {
    /// Whether these are still the windows at `now`.
    pub(crate) fn hold(&self, now: i64) -> bool {
        (self.day..self.day_end).contains(&now) && (self.hour..self.hour_end).contains(&now)
    }
}

impl Calendar {
    /// From the names that a tenant has for them, which were checked when they were set.
    pub(crate) fn of(zone: &str, day_start: &str) -> Self {
        Self {
            zone: zone.parse().unwrap_or_default(),
            day_start: minutes(day_start).unwrap_or_default(),
        }
    }

    /// The windows at `now`, in µs since the Unix epoch.
    pub(crate) fn windows(&self, now: i64) -> Windows {
        let local = utc(now).with_timezone(&self.zone);
        let mut date = local.date_naive();
        if now < self.start_of(date) {
            date = before(date);
        } else if now >= self.start_of(after(date)) {
            date = after(date);
        }
        let offset = i64::from(local.offset().fix().local_minus_utc()) * SECOND;
        let hour = (now + offset).div_euclid(HOUR) * HOUR - offset;
        Windows {
            date,
            day: self.start_of(date),
            day_end: self.start_of(after(date)),
            hour,
            hour_end: hour + HOUR,
        }
    }

    /// When the day `date` begins; where the clock jumps over that time, right after the jump.
    pub(crate) fn start_of(&self, date: NaiveDate) -> i64 {
        let minutes = u32::from(self.day_start);
        let time = NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0).unwrap_or_default();
        let local = date.and_time(time);
        (0..=GAP_MAX)
            .find_map(|minutes| {
                let local = local.checked_add_signed(TimeDelta::minutes(minutes))?;
                self.zone.from_local_datetime(&local).earliest()
            })
            .map_or_else(
                || local.and_utc().timestamp_micros(),
                |start| start.timestamp_micros(),
            )
    }
}

fn utc(now: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(now).unwrap_or_default()
}

fn before(date: NaiveDate) -> NaiveDate {
    date.checked_sub_days(Days::new(1)).unwrap_or(date)
}

fn after(date: NaiveDate) -> NaiveDate {
    date.checked_add_days(Days::new(1)).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use bin_common_handler::models::time::Timestamp;
    use chrono_tz::{America, Asia, Australia, Europe};
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().micros()
    }

    fn calendar(zone: Tz, day_start: u16) -> Calendar {
        Calendar { zone, day_start }
    }

    #[rstest]
    #[case::plain(
        America::New_York,
        0,
        "2026-11-20T12:00:00Z",
        "2026-11-20T05:00:00Z",
        24
    )]
    #[case::before_midnight(
        America::New_York,
        0,
        "2026-11-20T04:59:59Z",
        "2026-11-19T05:00:00Z",
        24
    )]
    #[case::short_day(
        America::New_York,
        0,
        "2026-03-08T12:00:00Z",
        "2026-03-08T05:00:00Z",
        23
    )]
    #[case::long_day(
        America::New_York,
        0,
        "2026-11-01T12:00:00Z",
        "2026-11-01T04:00:00Z",
        25
    )]
    #[case::begins_at_six(
        America::Chicago,
        360,
        "2026-11-20T11:59:00Z",
        "2026-11-19T12:00:00Z",
        24
    )]
    #[case::half_hour_zone(Asia::Kolkata, 0, "2026-11-20T18:29:00Z", "2026-11-19T18:30:00Z", 24)]
    #[case::midnight_does_not_exist(
        America::Santiago,
        0,
        "2026-09-06T12:00:00Z",
        "2026-09-06T04:00:00Z",
        23
    )]
    fn the_day_of_a_call(
        #[case] zone: Tz,
        #[case] day_start: u16,
        #[case] now: &str,
        #[case] day: &str,
        #[case] hours: i64,
    ) {
        let windows = calendar(zone, day_start).windows(at(now));
        assert_eq!(windows.day, at(day));
        assert_eq!(windows.day_end - windows.day, hours * HOUR);
    }

    #[rstest]
    #[case::plain(Europe::Berlin, "2026-11-20T10:20:00Z", "2026-11-20T10:00:00Z")]
    #[case::half_hour_zone(Asia::Kolkata, "2026-11-20T10:20:00Z", "2026-11-20T09:30:00Z")]
    #[case::first_of_two(America::New_York, "2026-11-01T05:30:00Z", "2026-11-01T05:00:00Z")]
    #[case::second_of_two(America::New_York, "2026-11-01T06:30:00Z", "2026-11-01T06:00:00Z")]
    fn the_hour_of_a_call(#[case] zone: Tz, #[case] now: &str, #[case] hour: &str) {
        assert_eq!(calendar(zone, 0).windows(at(now)).hour, at(hour));
    }

    fn zones() -> impl Strategy<Value = Tz> {
        prop::sample::select(vec![
            America::New_York,
            America::Phoenix,
            America::Santiago,
            America::St_Johns,
            Asia::Kolkata,
            Australia::Lord_Howe,
            Europe::Berlin,
            Tz::UTC,
        ])
    }

    proptest! {
        #[test]
        fn every_instant_is_in_its_windows_and_windows_never_step_back(
            zone in zones(),
            day_start in 0_u16..1_440,
            seconds in 1_600_000_000_i64..2_000_000_000,
            later in 0_i64..200_000,
        ) {
            let calendar = calendar(zone, day_start);
            let now = seconds * SECOND;
            let (one, two) = (calendar.windows(now), calendar.windows(now + later * SECOND));
            prop_assert!(one.hold(now), "{:?}", one);
            prop_assert!(one.day <= two.day && one.hour <= two.hour);
            prop_assert!(two.day == one.day || two.day >= one.day_end);
        }
    }
}
