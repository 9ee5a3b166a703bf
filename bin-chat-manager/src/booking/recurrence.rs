//! Which times the events of an iCalendar object (RFC 5545) take, repetitions included.

use std::{collections::HashSet, time::Duration};

use bin_common_handler::models::time::Timestamp;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use icalendar::parser::{Component, Property, read_calendar, unfold};
use rrule::{RRule, RRuleSet, Unvalidated};

use super::{days, interval::Interval};

/// Our own events: their appointments count by themselves.
const OWN: &str = "@tandem";
/// Repetitions of one event that are looked at.
const REPETITIONS_MAX: u16 = 2_000;

/// It is no iCalendar object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no iCalendar object")]
pub struct BadCalendar;

/// The times within `window` that the events of `text` take. Events that are called off, that are marked as free time, or
/// that are ours take none. Times without a zone are those of `zone`.
///
/// # Errors
/// [`BadCalendar`]. A single event that cannot be understood takes no time; of a rule that cannot be understood the first
/// time counts.
pub fn busy(text: &str, zone: Tz, window: Interval) -> Result<Vec<Interval>, BadCalendar> {
    let unfolded = unfold(text);
    let calendar = read_calendar(&unfolded).map_err(|_| BadCalendar)?;
    let events: Vec<_> = calendar
        .components
        .iter()
        .filter(|component| component.name == "VEVENT")
        .collect();
    // A repetition that was changed by itself is an event of its own, and replaces what the rule says.
    let moved: HashSet<_> = events
        .iter()
        .filter_map(|event| {
            Some((
                uid(event),
                instant(event.find_prop("RECURRENCE-ID")?, zone)?,
            ))
        })
        .collect();
    let mut found = Vec::new();
    for event in events.iter().filter(|event| takes_time(event)) {
        let is_repetition = event.find_prop("RECURRENCE-ID").is_some();
        let uid = uid(event);
        let times = times(event, zone, window).into_iter();
        found.extend(
            times
                .filter(|time| is_repetition || !moved.contains(&(uid.clone(), time.start)))
                .filter(|time| time.start < time.end && time.overlaps(window)),
        );
    }
    Ok(found)
}

fn text<'e>(event: &'e Component<'_>, name: &str) -> &'e str {
    event.find_prop(name).map_or("", |found| found.val.as_ref())
}

fn uid(event: &Component<'_>) -> String {
    text(event, "UID").to_owned()
}

fn takes_time(event: &Component<'_>) -> bool {
    !text(event, "UID").ends_with(OWN)
        && !text(event, "STATUS").eq_ignore_ascii_case("CANCELLED")
        && !text(event, "TRANSP").eq_ignore_ascii_case("TRANSPARENT")
}

/// How long an event is: whole days are as long as the days are.
#[derive(Clone, Copy)]
enum Length {
    Days(u64),
    Exact(Duration),
}

impl Length {
    fn end(self, zone: Tz, start: Timestamp) -> Timestamp {
        match self {
            Self::Exact(length) => start.plus(length),
            Self::Days(count) => {
                let date = days::date(zone, start);
                let last = date.checked_add_days(chrono::Days::new(count));
                days::start_of(zone, last.unwrap_or(date))
            }
        }
    }

    /// At least as long.
    fn longest(self) -> Duration {
        match self {
            Self::Exact(length) => length,
            Self::Days(count) => Duration::from_secs(count.saturating_mul(90_000)),
        }
    }
}

fn times(event: &Component<'_>, zone: Tz, window: Interval) -> Vec<Interval> {
    let Some(begin) = event.find_prop("DTSTART") else {
        return Vec::new();
    };
    let (Some(start), Some(length)) = (instant(begin, zone), length(event, begin, zone)) else {
        return Vec::new();
    };
    let starts = starts(event, begin, start, zone, window, length);
    starts
        .into_iter()
        .map(|start| Interval::new(start, length.end(zone, start)))
        .collect()
}

fn length(event: &Component<'_>, begin: &Property<'_>, zone: Tz) -> Option<Length> {
    let first = date(begin);
    if let Some(end) = event.find_prop("DTEND") {
        if let (Some(first), Some(last)) = (first, date(end)) {
            let count = last.signed_duration_since(first).num_days();
            return Some(Length::Days(u64::try_from(count).ok()?));
        }
        let length = instant(end, zone)?.micros() - instant(begin, zone)?.micros();
        return Some(Length::Exact(Duration::from_micros(
            u64::try_from(length).ok()?,
        )));
    }
    if let Some(length) = event.find_prop("DURATION") {
        return duration(length.val.as_ref()).map(Length::Exact);
    }
    // Section 3.6.1: without an end a date is a day, and a time an instant.
    Some(first.map_or(Length::Exact(Duration::ZERO), |_| Length::Days(1)))
}

/// When it begins, each time that may reach into the window.
fn starts(
    event: &Component<'_>,
    begin: &Property<'_>,
    start: Timestamp,
    zone: Tz,
    window: Interval,
    length: Length,
) -> Vec<Timestamp> {
    let Some(set) = repetitions(event, begin, zone) else {
        return vec![start];
    };
    let utc = |at: Timestamp| {
        DateTime::from_timestamp_micros(at.micros())
            .unwrap_or_default()
            .with_timezone(&rrule::Tz::UTC)
    };
    let set = set
        .after(utc(window.start.minus(length.longest())))
        .before(utc(window.end));
    let found = set.all(REPETITIONS_MAX).dates;
    found
        .iter()
        .map(|at| Timestamp::from_micros(at.timestamp_micros()))
        .collect()
}

/// The event's rule; none where it takes place once.
fn repetitions(event: &Component<'_>, begin: &Property<'_>, zone: Tz) -> Option<RRuleSet> {
    let rule = event.find_prop("RRULE")?;
    let own = zone_of(begin).unwrap_or(zone);
    let start = DateTime::from_timestamp_micros(instant(begin, zone)?.micros())?;
    let is_utc = begin.val.as_ref().ends_with('Z');
    let start = start.with_timezone(&rrule::Tz::Tz(if is_utc { Tz::UTC } else { own }));
    let rule: RRule<Unvalidated> = rule.val.as_ref().parse().ok()?;
    let mut set = RRuleSet::new(start).rrule(rule.validate(start).ok()?);
    let each = |name: &'static str| {
        let found = event.properties.iter().filter(move |one| one.name == name);
        found.flat_map(|one| {
            let parts = one.val.as_ref().split(',');
            parts.filter_map(|part| instant_of(part.trim(), zone_of(one).unwrap_or(zone)))
        })
    };
    let local = |at: Timestamp| {
        DateTime::from_timestamp_micros(at.micros())
            .unwrap_or_default()
            .with_timezone(&start.timezone())
    };
    for at in each("EXDATE") {
        set = set.exdate(local(at));
    }
    for at in each("RDATE") {
        set = set.rdate(local(at));
    }
    Some(set)
}

/// The zone that a property names, where it is one of the IANA database.
fn zone_of(property: &Property<'_>) -> Option<Tz> {
    let mut named = property.params.iter();
    let named = named.find(|one| one.key.as_ref().eq_ignore_ascii_case("TZID"))?;
    named.val.as_ref()?.as_ref().trim_matches('"').parse().ok()
}

fn date(property: &Property<'_>) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(property.val.as_ref().trim(), "%Y%m%d").ok()
}

fn instant(property: &Property<'_>, zone: Tz) -> Option<Timestamp> {
    instant_of(
        property.val.as_ref().trim(),
        zone_of(property).unwrap_or(zone),
    )
}

/// A date, a local time or a time of UTC, section 3.3.5.
fn instant_of(text: &str, zone: Tz) -> Option<Timestamp> {
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y%m%d") {
        return Some(days::start_of(zone, date));
    }
    let (text, zone) = match text.strip_suffix('Z') {
        Some(utc) => (utc, Tz::UTC),
        None => (text, zone),
    };
    let local = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok()?;
    let at = zone.from_local_datetime(&local).earliest().or_else(|| {
        // Clocks skip it: it is read by the clocks before.
        let before = local.checked_sub_signed(TimeDelta::hours(1))?;
        let at = zone.from_local_datetime(&before).earliest()?;
        at.checked_add_signed(TimeDelta::hours(1))
    })?;
    Some(Timestamp::from_micros(
        at.with_timezone(&Utc).timestamp_micros(),
    ))
}

/// A length such as `PT1H30M`, `P1D` or `P2W`, section 3.3.6; none for what lies before.
fn duration(text: &str) -> Option<Duration> {
    let rest = text.trim().trim_start_matches('+').strip_prefix('P')?;
    let (mut seconds, mut number, mut is_time) = (0_u64, 0_u64, false);
    for c in rest.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
            continue;
        }
        let unit = match (c, is_time) {
            ('T', false) => {
                is_time = true;
                continue;
            }
            ('W', false) => 7 * 86_400,
            ('D', false) => 86_400,
            ('H', true) => 3_600,
            ('M', true) => 60,
            ('S', true) => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        number = 0;
    }
    // A year is longer than anything that is booked.
    (seconds <= 366 * 86_400).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const NEW_YORK: Tz = chrono_tz::America::New_York;

    fn object(lines: &str) -> String {
        let lines = lines.replace('\n', "\r\n");
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{lines}\r\nEND:VCALENDAR\r\n")
    }

    fn event(lines: &str) -> String {
        format!("BEGIN:VEVENT\nUID:a@b\n{lines}\nEND:VEVENT")
    }

    fn window() -> Interval {
        Interval::new(
            "2026-11-20T00:00:00Z".parse().unwrap(),
            "2026-12-01T00:00:00Z".parse().unwrap(),
        )
    }

    fn times(events: &str) -> Vec<String> {
        let found = busy(&object(events), NEW_YORK, window()).unwrap();
        found
            .iter()
            .map(|time| format!("{} {}", time.start, time.end))
            .collect()
    }

    #[rstest]
    #[case::utc(
        "DTSTART:20261123T150000Z\nDTEND:20261123T160000Z",
        &["2026-11-23T15:00:00Z 2026-11-23T16:00:00Z"]
    )]
    #[case::zone(
        "DTSTART;TZID=America/Chicago:20261123T090000\nDURATION:PT1H30M",
        &["2026-11-23T15:00:00Z 2026-11-23T16:30:00Z"]
    )]
    #[case::the_businesss_zone(
        "DTSTART:20261123T090000\nDTEND:20261123T100000",
        &["2026-11-23T14:00:00Z 2026-11-23T15:00:00Z"]
    )]
    #[case::a_zone_that_nobody_knows_is_the_businesss(
        "DTSTART;TZID=Eastern Standard Time:20261123T090000\nDTEND;TZID=Eastern Standard Time:20261123T100000",
        &["2026-11-23T14:00:00Z 2026-11-23T15:00:00Z"]
    )]
    #[case::whole_days(
        "DTSTART;VALUE=DATE:20261123\nDTEND;VALUE=DATE:20261125",
        &["2026-11-23T05:00:00Z 2026-11-25T05:00:00Z"]
    )]
    #[case::a_day(
        "DTSTART;VALUE=DATE:20261123",
        &["2026-11-23T05:00:00Z 2026-11-24T05:00:00Z"]
    )]
    #[case::an_instant("DTSTART:20261123T150000Z", &[])]
    #[case::before_the_window("DTSTART:20261101T150000Z\nDTEND:20261101T160000Z", &[])]
    #[case::canceled("STATUS:CANCELLED\nDTSTART:20261123T150000Z\nDTEND:20261123T160000Z", &[])]
    #[case::free_time("TRANSP:TRANSPARENT\nDTSTART:20261123T150000Z\nDTEND:20261123T160000Z", &[])]
    #[case::not_understood("DTSTART:soon\nDTEND:later", &[])]
    #[case::backwards("DTSTART:20261123T150000Z\nDTEND:20261123T140000Z", &[])]
    #[case::weekly_but_one(
        "DTSTART;TZID=America/New_York:20261009T090000\nDTEND;TZID=America/New_York:20261009T100000\n\
         RRULE:FREQ=WEEKLY;BYDAY=MO,FR\nEXDATE;TZID=America/New_York:20261127T090000",
        &[
            "2026-11-20T14:00:00Z 2026-11-20T15:00:00Z",
            "2026-11-23T14:00:00Z 2026-11-23T15:00:00Z",
            "2026-11-30T14:00:00Z 2026-11-30T15:00:00Z",
        ]
    )]
    #[case::a_rule_that_nobody_understands_counts_once(
        "DTSTART:20261123T150000Z\nDTEND:20261123T160000Z\nRRULE:FREQ=SOMETIMES",
        &["2026-11-23T15:00:00Z 2026-11-23T16:00:00Z"]
    )]
    fn events_take_their_time(#[case] lines: &str, #[case] expected: &[&str]) {
        assert_eq!(times(&event(lines)), expected);
    }

    #[test]
    fn a_repetition_that_was_moved_is_where_it_was_moved_to() {
        let daily =
            event("DTSTART:20261129T150000Z\nDTEND:20261129T160000Z\nRRULE:FREQ=DAILY;COUNT=2");
        let moved = event(
            "RECURRENCE-ID:20261130T150000Z\nDTSTART:20261130T180000Z\nDTEND:20261130T190000Z",
        );
        assert_eq!(
            times(&format!("{daily}\n{moved}")),
            [
                "2026-11-29T15:00:00Z 2026-11-29T16:00:00Z",
                "2026-11-30T18:00:00Z 2026-11-30T19:00:00Z"
            ]
        );
    }

    #[test]
    fn our_own_events_take_none() {
        let own = "BEGIN:VEVENT\nUID:x@tandem\nDTSTART:20261123T150000Z\nDTEND:20261123T160000Z\nEND:VEVENT";
        assert!(times(own).is_empty());
    }

    #[rstest]
    #[case("PT1H30M", Some(5_400))]
    #[case("P1DT1S", Some(86_401))]
    #[case("P2W", Some(1_209_600))]
    #[case("-PT1H", None)]
    #[case("P1H", None)]
    #[case("P99999999999999999999D", None)]
    #[case("", None)]
    fn lengths_are_read(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(duration(text), seconds.map(Duration::from_secs));
    }

    proptest! {
        #[test]
        fn whatever_a_server_answers_does_no_harm(text in "\\PC{0,300}", lines in "[A-Z0-9:;=,TZ\n]{0,200}") {
            let _ = busy(&text, NEW_YORK, window());
            let _ = busy(&object(&event(&lines)), NEW_YORK, window());
            for time in busy(&object(&event(&lines)), NEW_YORK, window()).unwrap_or_default() {
                prop_assert!(time.overlaps(window()));
            }
        }
    }
}
