//! Free slots: what the opening hours leave after appointments, holds, holidays and buffers.

use std::time::Duration;

use bin_common_handler::models::{
    hours::{Hours, WEEK_MINUTES, minute_of_week},
    time::Timestamp,
};
use chrono::NaiveDate;
use chrono_tz::Tz;

use super::{
    days,
    interval::{Interval, merged},
};

/// Slots begin at every quarter of an hour.
pub const GRID: Duration = Duration::from_secs(15 * 60);
/// As the grid has them.
const GRID_MICROS: i64 = 15 * 60 * 1_000_000;
const GRID_MINUTES: u16 = 15;
/// The longest range that is looked at.
pub const RANGE_MAX: Duration = Duration::from_secs(14 * 86_400);

/// What decides the slots of one resource.
#[derive(Debug, Clone)]
pub struct Rules<'r> {
    /// The business's zone, which the hours are of.
    pub zone: Tz,
    /// All of them must be open: the business's and the resource's.
    pub hours: &'r [&'r Hours],
    /// Dates on which nothing is open.
    pub holidays: &'r [NaiveDate],
    /// Taken by appointments, holds, or another calendar; in any order.
    pub busy: &'r [Interval],
    /// How long the work takes.
    pub duration: Duration,
    /// Rest before and after whatever is taken.
    pub buffer: Duration,
}

/// The slots that begin at or after `range.start` and end by `range.end`, in order. A range that is longer than
/// [`RANGE_MAX`] is cut, an empty duration has no slots.
pub fn free(rules: &Rules<'_>, range: Interval) -> Vec<Interval> {
    let end = range.end.min(range.start.plus(RANGE_MAX));
    if rules.duration.is_zero() {
        return Vec::new();
    }
    // What takes no time needs no rest around it.
    let taken = rules.busy.iter().filter(|busy| busy.start < busy.end);
    let taken = merged(taken.map(|busy| busy.widened(rules.buffer)).collect());
    let cells = open_cells(rules, range.start, end);
    let needed = usize::try_from(rules.duration.as_micros().div_ceil(GRID.as_micros()))
        .unwrap_or(usize::MAX);
    let mut slots = Vec::new();
    // How many cells in a row are open, from the last one backwards.
    let mut run = 0;
    for (at, is_open) in cells.iter().rev() {
        run = if *is_open { run + 1 } else { 0 };
        let slot = Interval::new(*at, at.plus(rules.duration));
        if run >= needed && slot.end <= end && !is_taken(&taken, slot) {
            slots.push(slot);
        }
    }
    slots.reverse();
    slots
}

/// Whether one of the stretches, which are in order and apart, shares an instant with `slot`.
fn is_taken(taken: &[Interval], slot: Interval) -> bool {
    let after = taken.partition_point(|busy| busy.end <= slot.start);
    taken.get(after).is_some_and(|busy| busy.overlaps(slot))
}

/// Every quarter of an hour between the two, and whether all of it is open. Zones change their clocks at quarters, so
/// within one the local time is even.
fn open_cells(rules: &Rules<'_>, start: Timestamp, end: Timestamp) -> Vec<(Timestamp, bool)> {
    let closed: Vec<_> = rules
        .holidays
        .iter()
        .map(|day| {
            Interval::new(
                days::start_of(rules.zone, *day),
                days::end_of(rules.zone, *day),
            )
        })
        .collect();
    let closed = merged(closed);
    let first = start.micros().div_euclid(GRID_MICROS) * GRID_MICROS;
    let first = if first < start.micros() {
        first + GRID_MICROS
    } else {
        first
    };
    let count = end
        .micros()
        .saturating_sub(first)
        .div_euclid(GRID_MICROS)
        .max(0);
    (0..count)
        .map(|nth| {
            let at = Timestamp::from_micros(first + nth * GRID_MICROS);
            let minute = minute_of_week(rules.zone, at);
            let is_open = rules.hours.iter().all(|hours| is_open(hours, minute))
                && !is_taken(&closed, Interval::new(at, at.plus(GRID)));
            (at, is_open)
        })
        .collect()
}

/// Whether it is open from that minute of the week for a quarter of an hour.
fn is_open(hours: &Hours, minute: u16) -> bool {
    let until = minute + GRID_MINUTES;
    let within = |from: u16, to: u16| {
        hours
            .open()
            .iter()
            .any(|(start, end)| *start <= from && to <= *end)
    };
    if until <= WEEK_MINUTES {
        return within(minute, until);
    }
    within(minute, WEEK_MINUTES) && within(0, until - WEEK_MINUTES)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const NEW_YORK: Tz = chrono_tz::America::New_York;
    const MINUTE: u64 = 60;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn hours(json: &str) -> Hours {
        serde_json::from_str(json).unwrap()
    }

    fn interval(from: &str, to: &str) -> Interval {
        Interval::new(at(from), at(to))
    }

    fn starts(rules: &Rules<'_>, range: Interval) -> Vec<String> {
        free(rules, range)
            .iter()
            .map(|slot| slot.start.to_string())
            .collect()
    }

    fn rules<'r>(hours: &'r [&'r Hours], minutes: u64) -> Rules<'r> {
        Rules {
            zone: NEW_YORK,
            hours,
            holidays: &[],
            busy: &[],
            duration: Duration::from_secs(minutes * MINUTE),
            buffer: Duration::ZERO,
        }
    }

    #[test]
    fn an_hour_has_its_quarters_as_long_as_the_work_fits() {
        let open = hours(r#""09:00-10:30""#);
        let day = interval("2026-11-20T05:00:00Z", "2026-11-21T05:00:00Z");
        assert_eq!(
            starts(&rules(&[&open], 60), day),
            [
                "2026-11-20T14:00:00Z",
                "2026-11-20T14:15:00Z",
                "2026-11-20T14:30:00Z"
            ]
        );
        // 50 minutes need an open quarter more than 45.
        assert_eq!(starts(&rules(&[&open], 50), day).len(), 3);
        assert_eq!(starts(&rules(&[&open], 45), day).len(), 4);
        assert!(starts(&rules(&[&open], 91), day).is_empty());
    }

    #[test]
    fn what_is_taken_keeps_its_buffer_on_both_sides() {
        let open = hours(r#""09:00-12:00""#);
        let busy = [interval("2026-11-20T15:00:00Z", "2026-11-20T15:30:00Z")];
        let hours = [&open];
        let mut rules = rules(&hours, 30);
        rules.busy = &busy;
        let day = interval("2026-11-20T14:00:00Z", "2026-11-20T17:00:00Z");
        assert_eq!(
            starts(&rules, day),
            [
                "14:00", "14:15", "14:30", "15:30", "15:45", "16:00", "16:15", "16:30"
            ]
            .map(|time| format!("2026-11-20T{time}:00Z"))
        );
        rules.buffer = Duration::from_secs(15 * MINUTE);
        assert_eq!(
            starts(&rules, day),
            ["14:00", "14:15", "15:45", "16:00", "16:15", "16:30"]
                .map(|time| format!("2026-11-20T{time}:00Z"))
        );
    }

    #[test]
    fn what_takes_no_time_needs_no_rest_around_it() {
        let open = hours(r#""09:00-10:00""#);
        let hours = [&open];
        let mut rules = rules(&hours, 15);
        let busy = [interval("2026-11-20T14:30:00Z", "2026-11-20T14:30:00Z")];
        rules.busy = &busy;
        rules.buffer = Duration::from_secs(15 * MINUTE);
        let day = interval("2026-11-20T05:00:00Z", "2026-11-21T05:00:00Z");
        assert_eq!(free(&rules, day).len(), 4);
    }

    #[rstest]
    // The hour from 2 to 3 does not exist: from 1 to 4 is two hours.
    #[case::spring("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", "01:00-04:00", 2)]
    // The hour from 1 to 2 is there twice: from 1 to 4 is four hours.
    #[case::autumn("2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", "01:00-04:00", 4)]
    #[case::half_of_what_is_there_twice(
        "2026-11-01T04:00:00Z",
        "2026-11-02T05:00:00Z",
        "01:00-01:30",
        1
    )]
    fn a_day_whose_clocks_change_has_the_hours_that_it_has(
        #[case] from: &str,
        #[case] to: &str,
        #[case] open: &str,
        #[case] open_hours: usize,
    ) {
        let open = hours(&format!("{open:?}"));
        let quarters = free(&rules(&[&open], 15), interval(from, to));
        assert_eq!(quarters.len(), open_hours * 4);
    }

    #[test]
    fn a_holiday_and_a_closed_resource_have_no_slots() {
        let business = hours(r#""09:00-17:00""#);
        let van = hours(r#"[{"days":["fri"],"from":"08:00","to":"10:00"}]"#);
        let both = [&business, &van];
        let mut rules = rules(&both, 60);
        let week = interval("2026-11-19T05:00:00Z", "2026-11-26T05:00:00Z");
        assert_eq!(starts(&rules, week), ["2026-11-20T14:00:00Z"]);
        let holidays = ["2026-11-20".parse().unwrap()];
        rules.holidays = &holidays;
        assert!(starts(&rules, week).is_empty());
    }

    #[test]
    fn two_weeks_with_much_in_them_take_less_than_a_third_of_a_second() {
        let open = hours(r#""00:00-24:00""#);
        let start = at("2026-11-20T05:00:00Z");
        let busy: Vec<_> = (0..1_000)
            .map(|nth| {
                let from = start.plus(Duration::from_secs(nth * 1_200));
                Interval::new(from, from.plus(Duration::from_secs(600)))
            })
            .collect();
        let hours = [&open];
        let mut rules = rules(&hours, 60);
        rules.busy = &busy;
        let began = Instant::now();
        for _ in 0..10 {
            free(&rules, Interval::new(start, start.plus(RANGE_MAX)));
        }
        assert!(
            began.elapsed() < Duration::from_millis(300),
            "{:?}",
            began.elapsed()
        );
    }

    /// What a slot must be, minute by minute.
    fn is_free(rules: &Rules<'_>, slot: Interval) -> bool {
        let step = Duration::from_secs(MINUTE);
        let minutes = rules.duration.as_secs().div_ceil(900) * 15;
        let is_open = (0..minutes).all(|nth| {
            let minute = slot.start.plus(step * u32::try_from(nth).unwrap());
            let of_week = minute_of_week(rules.zone, minute);
            rules.hours.iter().all(|hours| hours.is_open(of_week))
                && !rules.holidays.contains(&days::date(rules.zone, minute))
        });
        is_open
            && rules
                .busy
                .iter()
                .all(|busy| busy.start >= busy.end || !busy.widened(rules.buffer).overlaps(slot))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Exactly the quarters that hold when each minute is looked at by itself, over changes of the clocks as well.
        #[test]
        fn the_slots_are_those_that_are_free(
            zone in prop::sample::select(vec![
                NEW_YORK, chrono_tz::Asia::Kathmandu, chrono_tz::Australia::Lord_Howe, chrono_tz::UTC,
            ]),
            start in prop::sample::select(vec![
                "2026-03-07T22:07:00Z", "2026-10-31T20:00:00Z", "2026-04-04T09:00:00Z", "2026-06-01T00:00:01Z",
            ]),
            from in 0_u16..1_440,
            to in 0_u16..=1_440,
            minutes in 1_u64..240,
            buffer in 0_u64..90,
            holiday in any::<bool>(),
            busy in prop::collection::vec((0_u64..4_000, 0_u64..300), 0..12),
        ) {
            let text = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
            let open = hours(&format!("\"{}-{}\"", text(from), text(to)));
            let start = at(start);
            let minute = |nth: u64| start.plus(Duration::from_secs(nth * MINUTE));
            let busy: Vec<_> = busy.iter()
                .map(|(from, length)| Interval::new(minute(*from), minute(from + length)))
                .collect();
            let holidays: Vec<_> = holiday.then(|| days::date(zone, minute(1_440))).into_iter().collect();
            let hours = [&open];
            let rules = Rules {
                zone, hours: &hours, holidays: &holidays, busy: &busy,
                duration: Duration::from_secs(minutes * MINUTE),
                buffer: Duration::from_secs(buffer * MINUTE),
            };
            let range = Interval::new(start, minute(3 * 1_440));
            let found = free(&rules, range);
            let first = (start.micros() + GRID_MICROS - 1).div_euclid(GRID_MICROS);
            let last = range.end.micros().div_euclid(GRID_MICROS);
            let expected: Vec<_> = (first..=last)
                .map(|cell| Timestamp::from_micros(cell * GRID_MICROS))
                .map(|at| Interval::new(at, at.plus(rules.duration)))
                .filter(|slot| slot.end <= range.end && is_free(&rules, *slot))
                // The last quarter that the work begins must be open as a whole, and within the range.
                .filter(|slot| {
                    let cells = i64::try_from(rules.duration.as_secs().div_ceil(900)).unwrap();
                    slot.start.micros() + cells * GRID_MICROS <= last * GRID_MICROS
                })
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
