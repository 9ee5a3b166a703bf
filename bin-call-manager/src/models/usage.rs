//! Calls and money that count towards an account's caps: by hour, day and month of its zone.

use bin_common_handler::models::time::Timestamp;
use chrono::{DateTime, Datelike, Duration, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::account::CapCounts;

const HOUR_MICROS: i64 = 3_600_000_000;

/// What counts now. A window that has ended counts for nothing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(default)]
pub struct Usage {
    /// When the hour began, in microseconds.
    pub hour_start: i64,
    /// Calls in the hour.
    pub hour: i64,
    /// When the day began, in microseconds.
    pub day_start: i64,
    /// Calls in the day.
    pub day: i64,
    /// Money captured in the day, in minor units.
    pub captured: i64,
    /// When the month began, in microseconds.
    pub month_start: i64,
    /// Calls in the month.
    pub month: i64,
    /// Calls ever.
    pub total: i64,
    /// Calls won that have not ended.
    pub open: i64,
    /// Calls won that do not count yet, and still may.
    pub open_wins: i64,
}

impl Usage {
    /// As it counts at `now`: windows that ended are empty.
    #[must_use]
    pub fn at(mut self, now: Timestamp, zone: Tz) -> Self {
        let (hour, day, month) = windows(now, zone);
        if self.hour_start != hour {
            (self.hour_start, self.hour) = (hour, 0);
        }
        if self.day_start != day {
            (self.day_start, self.day, self.captured) = (day, 0, 0);
        }
        if self.month_start != month {
            (self.month_start, self.month) = (month, 0);
        }
        self
    }

    /// A call is won: it is open, and counts now or may count later.
    pub fn win(&mut self, counts: CapCounts, now: Timestamp, zone: Tz) {
        self.open += 1;
        self.open_wins += 1;
        if counts == CapCounts::Attempt {
            self.count(now, zone);
        }
    }

    /// A win that did not count until now counts from now on.
    pub fn count(&mut self, now: Timestamp, zone: Tz) {
        *self = self.at(now, zone);
        self.open_wins = (self.open_wins - 1).max(0);
        self.hour += 1;
        self.day += 1;
        self.month += 1;
        self.total += 1;
    }

    /// A win that did not count until now never will.
    pub fn forget(&mut self) {
        self.open_wins = (self.open_wins - 1).max(0);
    }

    /// A call that was won has ended.
    pub fn end(&mut self) {
        self.open = (self.open - 1).max(0);
    }

    /// Money was captured.
    pub fn capture(&mut self, amount: i64, now: Timestamp, zone: Tz) {
        *self = self.at(now, zone);
        self.captured = self.captured.saturating_add(amount);
    }
}

/// When the hour, the day and the month began that `now` lies in.
fn windows(now: Timestamp, zone: Tz) -> (i64, i64, i64) {
    let micros = now.micros();
    let utc = DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default();
    let date = utc.with_timezone(&zone).date_naive();
    let first = date.with_day(1).unwrap_or(date);
    (
        micros - micros.rem_euclid(HOUR_MICROS),
        midnight(date, zone),
        midnight(first, zone),
    )
}

/// When a day begins; where midnight is skipped by summer time, the first moment after it.
fn midnight(date: NaiveDate, zone: Tz) -> i64 {
    let midnight = date.and_hms_opt(0, 0, 0).unwrap_or_default();
    (0..4)
        .find_map(|hour| {
            zone.from_local_datetime(&(midnight + Duration::hours(hour)))
                .earliest()
        })
        .map_or(0, |time| time.timestamp_micros())
}

/// The zone of a name; an empty one is UTC.
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

#[cfg(test)]
mod tests {
    use chrono_tz::America::New_York;

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_a_day_of_the_accounts_zone() {
        let mut usage = Usage::default();
        let before_midnight = time("2026-11-20T04:30:00Z");
        usage.win(CapCounts::Attempt, before_midnight, New_York);
        usage.capture(525, before_midnight, New_York);
        assert_eq!((usage.hour, usage.day, usage.captured), (1, 1, 525));
        let later = usage.at(time("2026-11-20T05:30:00Z"), New_York);
        assert_eq!((later.hour, later.day, later.month), (0, 0, 1));
        assert_eq!((later.captured, later.total, later.open), (0, 1, 1));
    }

    #[test]
    fn a_win_counts_when_its_account_says() {
        let now = time("2026-11-16T12:00:00Z");
        let mut usage = Usage::default();
        usage.win(CapCounts::Connect, now, Tz::UTC);
        usage.win(CapCounts::Connect, now, Tz::UTC);
        assert_eq!((usage.hour, usage.open_wins, usage.open), (0, 2, 2));
        usage.count(now, Tz::UTC);
        usage.forget();
        usage.end();
        assert_eq!((usage.hour, usage.open_wins, usage.open), (1, 0, 1));
        usage.win(CapCounts::Attempt, now, Tz::UTC);
        assert_eq!((usage.total, usage.open_wins, usage.open), (2, 0, 2));
    }
}
