//! Calls and money that count towards an account's caps: by hour, day and month of its zone.

use bin_common_handler::models::time::Timestamp;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::account::CapCounts;
use crate::choice::period::Periods;

const HOUR_MICROS: i64 = 3_600_000_000;
/// From one midnight to the next, where a clock goes forward on that day.
const DAY_MIN_MICROS: i64 = 23 * HOUR_MICROS;
/// From one first of a month to the next: a February in which a clock goes forward.
const MONTH_MIN_MICROS: i64 = (28 * 24 - 1) * HOUR_MICROS;

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
        let begun = Periods::new(now, zone);
        let (hour, day) = (begun.hour.micros(), begun.day.micros());
        let month = begun.month.micros();
        if is_next(self.hour_start, hour, HOUR_MICROS) {
            (self.hour_start, self.hour) = (hour, 0);
        }
        if is_next(self.day_start, day, DAY_MIN_MICROS) {
            (self.day_start, self.day, self.captured) = (day, 0, 0);
        }
        if is_next(self.month_start, month, MONTH_MIN_MICROS) {
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

    /// A win at `won` that counted never was one: it counts in no window that it lies in.
    pub fn uncount(&mut self, won: Timestamp, now: Timestamp, zone: Tz) {
        *self = self.at(now, zone);
        let won = won.micros();
        let windows = [
            (&mut self.hour, self.hour_start),
            (&mut self.day, self.day_start),
            (&mut self.month, self.month_start),
            (&mut self.total, i64::MIN),
        ];
        for (count, start) in windows {
            if won >= start {
                *count = (*count - 1).max(0);
            }
        }
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

/// Whether a window that begins at `begun` is another one than that kept: it begins when the kept one has ended. What begins
/// earlier is the same time by another zone's clock, so a change of zone empties no window; it makes one longer.
const fn is_next(kept: i64, begun: i64, least: i64) -> bool {
    begun.saturating_sub(kept) >= least
}

/// The zone of a name; an empty one is UTC.
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

#[cfg(test)]
mod tests {
    use chrono_tz::America::New_York;
    use rstest::rstest;

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

    /// Two calls of the day count at 12:00 UTC under the first zone; what counts at `later` under the second.
    #[rstest]
    #[case::to_the_east("America/New_York", "Asia/Tokyo", "2026-11-16T12:00:01Z", (2, 2, 2, 500))]
    #[case::tokyos_day_began_in_the_kept_one("America/New_York", "Asia/Tokyo", "2026-11-16T15:00:00Z", (0, 2, 2, 500))]
    #[case::tokyos_next_day("America/New_York", "Asia/Tokyo", "2026-11-17T15:00:00Z", (0, 0, 2, 0))]
    #[case::to_the_west("Asia/Tokyo", "America/New_York", "2026-11-16T12:00:01Z", (2, 2, 2, 500))]
    #[case::half_an_hour("UTC", "Asia/Kolkata", "2026-11-16T12:45:00Z", (2, 2, 2, 500))]
    #[case::a_whole_hour("UTC", "Asia/Kolkata", "2026-11-16T13:30:00Z", (0, 2, 2, 500))]
    #[case::next_day("UTC", "UTC", "2026-11-17T00:00:00Z", (0, 0, 2, 0))]
    #[case::next_month("UTC", "UTC", "2026-12-01T00:00:00Z", (0, 0, 0, 0))]
    #[case::clocks_went_forward("America/New_York", "America/New_York", "2027-03-15T04:00:00Z", (0, 0, 0, 0))]
    fn another_zone_empties_no_window(
        #[case] first: &str,
        #[case] second: &str,
        #[case] later: &str,
        #[case] expected: (i64, i64, i64, i64),
    ) {
        let (now, from) = (time("2026-11-16T12:00:00Z"), zone(first));
        let mut usage = Usage::default();
        usage.win(CapCounts::Attempt, now, from);
        usage.win(CapCounts::Attempt, now, from);
        usage.capture(500, now, from);
        let found = usage.at(time(later), zone(second));
        assert_eq!(
            (found.hour, found.day, found.month, found.captured),
            expected
        );
        assert_eq!(found.total, 2);
    }

    #[test]
    fn days_of_23_hours_are_days() {
        let mut usage = Usage::default();
        for day in [
            "2027-03-13T12:00:00Z",
            "2027-03-14T12:00:00Z",
            "2027-03-15T12:00:00Z",
        ] {
            usage.win(CapCounts::Attempt, time(day), New_York);
            assert_eq!(usage.day, 1, "{day}");
        }
    }

    #[rstest]
    #[case::at_once("2026-11-16T12:00:30Z")]
    #[case::in_the_next_hour("2026-11-16T13:00:10Z")]
    #[case::on_the_next_day("2026-11-17T00:00:10Z")]
    fn what_never_was_a_win_counts_nowhere(#[case] later: &str) {
        let (won, later) = (time("2026-11-16T12:00:00Z"), time(later));
        let mut usage = Usage::default();
        usage.win(CapCounts::Attempt, won, Tz::UTC);
        // A win of later stays.
        let mut lived = usage;
        lived.win(CapCounts::Attempt, later, Tz::UTC);
        lived.uncount(won, later, Tz::UTC);
        assert_eq!(
            (lived.hour, lived.day, lived.month, lived.total),
            (1, 1, 1, 1)
        );
        usage.uncount(won, won, Tz::UTC);
        assert_eq!(
            (usage.hour, usage.day, usage.month, usage.total),
            (0, 0, 0, 0)
        );
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
