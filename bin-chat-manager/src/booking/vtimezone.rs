//! VTIMEZONE (RFC 5545, section 3.6.5): the changes of a zone's clocks around some events, each by itself.

use bin_common_handler::models::time::Timestamp;
use chrono::{NaiveDateTime, Offset, TimeDelta};
use chrono_tz::{OffsetComponents, OffsetName, Tz};

use super::{
    ical::{local_time, utc},
    interval::Interval,
};

/// How far before the first event the changes begin: every event has one before it.
const LEAD_SECONDS: i64 = 400 * 86_400;
/// Zones change their clocks at most so often that no change is missed in between.
const STEP_SECONDS: i64 = 86_400;
/// Changes at most: two a year for as long as a calendar reasonably is.
const CHANGES_MAX: usize = 200;

/// From when on clocks show what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Observance {
    /// Seconds since the Unix epoch.
    from: i64,
    /// Seconds east of UTC, before and from then on.
    offset_before: i32,
    offset: i32,
    is_daylight: bool,
    name: String,
}

/// The property lines of the component, by name and value.
pub(super) fn lines(zone: Tz, span: Interval) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut push = |name: &str, value: String| lines.push((name.to_owned(), value));
    push("BEGIN", "VTIMEZONE".to_owned());
    push("TZID", zone.name().to_owned());
    for observance in observances(zone, span) {
        let kind = if observance.is_daylight {
            "DAYLIGHT"
        } else {
            "STANDARD"
        };
        push("BEGIN", kind.to_owned());
        push(
            "DTSTART",
            local_time(shown(observance.from, observance.offset_before)),
        );
        push("TZOFFSETFROM", offset(observance.offset_before));
        push("TZOFFSETTO", offset(observance.offset));
        push("TZNAME", observance.name);
        push("END", kind.to_owned());
    }
    push("END", "VTIMEZONE".to_owned());
    lines
}

/// What holds at the beginning, and every change until the end.
fn observances(zone: Tz, span: Interval) -> Vec<Observance> {
    let seconds = |at: Timestamp| at.micros().div_euclid(1_000_000);
    let (from, until) = (seconds(span.start) - LEAD_SECONDS, seconds(span.end));
    let mut found = vec![observance(zone, from, offset_at(zone, from))];
    let mut at = from;
    while at < until && found.len() < CHANGES_MAX {
        let next = at + STEP_SECONDS;
        if offset_at(zone, at) != offset_at(zone, next) {
            let change = first_after(zone, at, next);
            found.push(observance(zone, change, offset_at(zone, change - 1)));
        }
        at = next;
    }
    found
}

/// The first second in `(low, high]` with another offset than at `low`.
fn first_after(zone: Tz, mut low: i64, mut high: i64) -> i64 {
    let before = offset_at(zone, low);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if offset_at(zone, middle) == before {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

fn local(zone: Tz, at: i64) -> chrono::DateTime<Tz> {
    utc(Timestamp::from_micros(at.saturating_mul(1_000_000))).with_timezone(&zone)
}

fn offset_at(zone: Tz, at: i64) -> i32 {
    local(zone, at).offset().fix().local_minus_utc()
}

fn observance(zone: Tz, from: i64, offset_before: i32) -> Observance {
    let local = local(zone, from);
    let offset = local.offset();
    Observance {
        from,
        offset_before,
        offset: offset.fix().local_minus_utc(),
        is_daylight: !offset.dst_offset().is_zero(),
        name: offset.abbreviation().unwrap_or_default().to_owned(),
    }
}

fn shown(at: i64, offset: i32) -> NaiveDateTime {
    let utc = utc(Timestamp::from_micros(at.saturating_mul(1_000_000))).naive_utc();
    let shifted = utc.checked_add_signed(TimeDelta::seconds(i64::from(offset)));
    shifted.unwrap_or(utc)
}

/// `-0500`, section 3.3.14.
fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_yorks_clocks_change_twice_a_year() {
        let span = Interval::new(
            "2026-11-20T14:00:00Z".parse().unwrap(),
            "2027-04-01T00:00:00Z".parse().unwrap(),
        );
        let lines = lines(chrono_tz::America::New_York, span);
        let text: Vec<_> = lines
            .iter()
            .map(|(name, value)| format!("{name}:{value}"))
            .collect();
        let text = text.join("\n");
        for change in [
            "BEGIN:DAYLIGHT\nDTSTART:20260308T020000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nTZNAME:EDT\nEND:DAYLIGHT",
            "BEGIN:STANDARD\nDTSTART:20261101T020000\nTZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nTZNAME:EST\nEND:STANDARD",
            "BEGIN:DAYLIGHT\nDTSTART:20270314T020000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nTZNAME:EDT\nEND:DAYLIGHT",
        ] {
            assert!(text.contains(change), "{change}\nin\n{text}");
        }
        assert!(text.starts_with("BEGIN:VTIMEZONE\nTZID:America/New_York\nBEGIN:"));
    }

    #[test]
    fn a_zone_without_changes_has_what_holds() {
        let span = Interval::new(
            "2026-11-20T14:00:00Z".parse().unwrap(),
            "2026-11-20T15:00:00Z".parse().unwrap(),
        );
        let found = observances(chrono_tz::Asia::Kathmandu, span);
        assert_eq!(found.len(), 1);
        assert_eq!(offset(found.first().unwrap().offset), "+0545");
        assert_eq!(offset(-12_600), "-0330");
    }
}
