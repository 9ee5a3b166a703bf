//! One number and whether it may be given now.

use std::sync::Arc;

use bin_common_handler::models::time::Timestamp;
use uuid::Uuid;

use crate::models::{
    calendar::Windows,
    didstate::State,
    didstatus::{DidStatus, PROBATION_DAILY_CAP, StatusPeriod, WEEK},
};

const SECOND: i64 = 1_000_000;

/// What a tenant's numbers have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defaults {
    /// Calls a day; 0 = no cap.
    pub daily_cap: i32,
    /// Calls a clock hour; 0 = no cap.
    pub hourly_cap: i32,
    /// Seconds between two calls.
    pub cooldown_seconds: i32,
    /// Calls a day of a warming number, by week.
    pub warmup: Vec<i32>,
}

/// Limits of its own; nothing = the tenant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Limits {
    pub daily_cap: Option<i32>,
    pub hourly_cap: Option<i32>,
    pub cooldown_seconds: Option<i32>,
}

/// How its calls went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Performance {
    pub calls: i64,
    pub answered: i64,
}

/// A number as the chooser knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    pub id: Uuid,
    /// E.164.
    pub number: Box<str>,
    /// Area code; 0 = none.
    pub npa: u16,
    /// Exchange; 0 = none.
    pub nxx: u16,
    /// Two letters; empty = not known.
    pub state: Arc<str>,
    pub city: Arc<str>,
    pub carrier: Arc<str>,
    pub provider: Arc<str>,
    pub description: Box<str>,
    pub reputation: Option<i32>,
    pub place: Option<(f64, f64)>,
    pub weight: i32,
    pub limits: Limits,
    pub status_period: StatusPeriod,
    /// When it got its status, in µs.
    pub status_since: i64,
    pub performance: Performance,
    pub used: State,
}

/// Why a number may not be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Blocker {
    /// It rests after its last call.
    Cooling,
    /// It had its calls of this hour.
    HourlyCap,
    /// It had its calls of this day.
    DailyCap,
    /// Its status.
    Inactive,
}

impl Blocker {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Cooling => "cooling",
            Self::HourlyCap => "hourly_cap",
            Self::DailyCap => "daily_cap",
            Self::Inactive => "inactive",
        }
    }
}

/// A number that may not be given, why, and when to look again (µs; `i64::MAX` = after its next change).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocked {
    pub by: Blocker,
    pub until: i64,
}

/// Calls that are left; nothing = no cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub daily: Option<i32>,
    pub hourly: Option<i32>,
}

impl Number {
    /// Calls a day at `now`; nothing = no cap.
    pub(crate) fn daily_cap(&self, defaults: &Defaults, now: i64) -> Option<i32> {
        let own = self.limits.daily_cap;
        daily_cap(own, self.status_period, self.status_since, defaults, now)
    }

    fn hourly_cap(&self, defaults: &Defaults) -> Option<i32> {
        capped(self.limits.hourly_cap.unwrap_or(defaults.hourly_cap))
    }

    fn cooldown(&self, defaults: &Defaults) -> i64 {
        let seconds = self
            .limits
            .cooldown_seconds
            .unwrap_or(defaults.cooldown_seconds);
        i64::from(seconds) * SECOND
    }

    fn left(&self, used: &State, defaults: &Defaults, windows: &Windows, now: i64) -> Left {
        let daily = self.daily_cap(defaults, now);
        let hourly = self.hourly_cap(defaults);
        Left {
            daily: daily.map(|cap| cap - used.today(windows)),
            hourly: hourly.map(|cap| cap - used.this_hour(windows)),
        }
    }

    /// The cap that it has reached, whether or not it rests.
    pub(crate) fn spent(
        &self,
        used: &State,
        defaults: &Defaults,
        windows: &Windows,
        now: i64,
    ) -> Option<Blocked> {
        let left = self.left(used, defaults, windows, now);
        let is_spent = |left: Option<i32>| left.is_some_and(|left| left <= 0);
        let daily = is_spent(left.daily).then_some(Blocked {
            by: Blocker::DailyCap,
            until: windows.day_end,
        });
        let hourly = is_spent(left.hourly).then_some(Blocked {
            by: Blocker::HourlyCap,
            until: windows.hour_end,
        });
        daily.or(hourly)
    }

    /// Whether it may be given at `now`, having been used as `used` says.
    pub(crate) fn check(
        &self,
        used: &State,
        defaults: &Defaults,
        windows: &Windows,
        now: i64,
    ) -> Result<Left, Blocked> {
        let status_period = self.status_period.at(Timestamp::from_micros(now));
        if !status_period.status.is_usable() {
            return Err(Blocked {
                by: Blocker::Inactive,
                until: status_period.until.map_or(i64::MAX, Timestamp::micros),
            });
        }
        let left = self.left(used, defaults, windows, now);
        let cool = used.last_used.saturating_add(self.cooldown(defaults));
        let is_cooling = used.last_used > 0 && cool > now;
        let mut blocked: Option<Blocked> = None;
        let mut block = |by, until: i64| {
            let until = blocked.map_or(until, |earlier: Blocked| earlier.until.max(until));
            blocked = Some(Blocked { by, until });
        };
        if is_cooling {
            block(Blocker::Cooling, cool);
        }
        if left.hourly.is_some_and(|left| left <= 0) {
            block(Blocker::HourlyCap, windows.hour_end);
        }
        if left.daily.is_some_and(|left| left <= 0) {
            block(Blocker::DailyCap, windows.day_end);
        }
        blocked.map_or(Ok(left), Err)
    }
}

/// Calls a day at `now` of a number with a cap of its `own`; nothing = no cap.
pub(crate) fn daily_cap(
    own: Option<i32>,
    status_period: StatusPeriod,
    status_since: i64,
    defaults: &Defaults,
    now: i64,
) -> Option<i32> {
    let own = capped(own.unwrap_or(defaults.daily_cap));
    let stage = match status_period.at(Timestamp::from_micros(now)).status {
        DidStatus::Warming => warmup_cap(status_since, defaults, now),
        DidStatus::Probation => Some(PROBATION_DAILY_CAP),
        _ => None,
    };
    match (own, stage) {
        (Some(own), Some(stage)) => Some(own.min(stage)),
        (own, stage) => own.or(stage),
    }
}

fn warmup_cap(status_since: i64, defaults: &Defaults, now: i64) -> Option<i32> {
    let week = i64::try_from(WEEK.as_micros()).unwrap_or(i64::MAX);
    let weeks = usize::try_from((now - status_since).div_euclid(week)).unwrap_or(0);
    let cap = defaults.warmup.get(weeks).or(defaults.warmup.last());
    cap.copied()
}

/// 0 means no cap.
fn capped(cap: i32) -> Option<i32> {
    (cap > 0).then_some(cap)
}

impl State {
    /// Calls of the present day. A row that is ahead of `windows` (by a database clock read a moment later)
    /// is of its own, newer day; its calls count all the same.
    pub(crate) fn today(&self, windows: &Windows) -> i32 {
        if self.day_start >= windows.day {
            self.day_count
        } else {
            0
        }
    }

    /// Calls of the present clock hour.
    pub(crate) fn this_hour(&self, windows: &Windows) -> i32 {
        if self.hour_start >= windows.hour {
            self.hour_count
        } else {
            0
        }
    }

    /// After one more call at `now`.
    #[must_use]
    pub(crate) fn after_use(&self, windows: &Windows, now: i64) -> Self {
        Self {
            day_count: self.today(windows).saturating_add(1),
            day_start: self.day_start.max(windows.day),
            hour_count: self.this_hour(windows).saturating_add(1),
            hour_start: self.hour_start.max(windows.hour),
            last_used: self.last_used.max(now),
            total: self.total.saturating_add(1),
            ..*self
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono_tz::Tz;
    use rstest::rstest;

    use super::*;
    use crate::models::calendar::Calendar;

    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    /// 2026-11-20T10:00:00Z.
    pub(crate) const NOW: i64 = 1_795_168_800 * SECOND;

    pub(crate) fn defaults() -> Defaults {
        Defaults {
            daily_cap: 75,
            hourly_cap: 15,
            cooldown_seconds: 300,
            warmup: vec![10, 20, 40, 75],
        }
    }

    pub(crate) fn windows(now: i64) -> Windows {
        let calendar = Calendar {
            zone: Tz::UTC,
            day_start: 0,
        };
        calendar.windows(now)
    }

    pub(crate) fn number(text: &str) -> Number {
        let e164 = crate::phone::E164::parse(text).unwrap();
        Number {
            id: Uuid::from_u128(text.parse::<u128>().unwrap_or(1)),
            number: e164.as_str().into(),
            npa: e164.npa().unwrap_or(0),
            nxx: e164.nxx().unwrap_or(0),
            state: crate::area::of_number(e164.as_str())
                .map_or("", |area| area.state)
                .into(),
            city: "".into(),
            carrier: "".into(),
            provider: "".into(),
            description: "".into(),
            reputation: None,
            place: None,
            weight: 100,
            limits: Limits::default(),
            status_period: StatusPeriod {
                status: DidStatus::Active,
                until: None,
            },
            status_since: 0,
            performance: Performance::default(),
            used: State::default(),
        }
    }

    fn used(day_count: i32, hour_count: i32, ago: i64) -> State {
        State {
            day_start: windows(NOW).day,
            day_count,
            hour_start: windows(NOW).hour,
            hour_count,
            last_used: NOW - ago,
            ..State::default()
        }
    }

    #[rstest]
    #[case::fresh(State::default(), None)]
    #[case::rested(used(74, 14, 5 * MINUTE), None)]
    #[case::cooling(used(1, 1, 5 * MINUTE - 1), Some((Blocker::Cooling, 1)))]
    #[case::hour_is_full(used(20, 15, HOUR), Some((Blocker::HourlyCap, HOUR)))]
    #[case::day_is_full(used(75, 0, HOUR), Some((Blocker::DailyCap, 14 * HOUR)))]
    #[case::the_longest_counts(used(75, 15, 0), Some((Blocker::DailyCap, 14 * HOUR)))]
    fn a_number_is_given_within_its_limits(
        #[case] used: State,
        #[case] blocked: Option<(Blocker, i64)>,
    ) {
        let checked = number("4155550123").check(&used, &defaults(), &windows(NOW), NOW);
        let got = checked
            .err()
            .map(|blocked| (blocked.by, blocked.until - NOW));
        assert_eq!(got, blocked);
    }

    #[test]
    fn zero_is_no_limit() {
        let mut number = number("4155550123");
        number.limits = Limits {
            daily_cap: Some(0),
            hourly_cap: Some(0),
            cooldown_seconds: Some(0),
        };
        let left = number
            .check(&used(9_999, 9_999, 0), &defaults(), &windows(NOW), NOW)
            .unwrap();
        assert_eq!((left.daily, left.hourly), (None, None));
    }

    #[rstest]
    #[case(DidStatus::Warming, 0, Some(10))]
    #[case(DidStatus::Warming, 7, Some(20))]
    #[case(DidStatus::Warming, 27, Some(75))]
    #[case(DidStatus::Warming, 28, Some(75))]
    #[case(DidStatus::Probation, 0, Some(30))]
    #[case(DidStatus::Probation, 30, Some(75))]
    #[case(DidStatus::Flagged, 29, None)]
    #[case(DidStatus::Flagged, 30, Some(30))]
    #[case(DidStatus::Flagged, 60, Some(75))]
    #[case(DidStatus::Inactive, 0, None)]
    fn a_status_has_its_cap(
        #[case] status: DidStatus,
        #[case] days: i64,
        #[case] cap: Option<i32>,
    ) {
        let mut number = number("4155550123");
        let since = NOW - days * DAY;
        number.status_period = StatusPeriod {
            status,
            until: status.ends(Timestamp::from_micros(since), 4),
        };
        number.status_since = since;
        let checked = number.check(&State::default(), &defaults(), &windows(NOW), NOW);
        assert_eq!(checked.ok().and_then(|left| left.daily), cap);
    }

    #[test]
    fn counters_begin_anew_with_their_windows() {
        let old = used(75, 15, 0);
        let later = NOW + DAY;
        let next = old.after_use(&windows(later), later);
        assert_eq!((next.day_count, next.hour_count, next.total), (1, 1, 1));
        let same = old.after_use(&windows(NOW), NOW);
        assert_eq!((same.day_count, same.hour_count), (76, 16));
    }

    #[test]
    fn a_clock_that_is_behind_takes_nothing_back() {
        let ahead = State {
            last_used: NOW + HOUR,
            ..used(75, 15, 0).after_use(&windows(NOW + DAY), NOW + DAY)
        };
        let next = ahead.after_use(&windows(NOW), NOW);
        assert_eq!(
            (next.day_count, next.day_start),
            (2, windows(NOW + DAY).day)
        );
        assert_eq!(next.last_used, ahead.last_used);
    }
}
