//! iCalendar (RFC 5545): a business's appointments as a calendar that other programs follow.

use std::fmt::Write;

use bin_common_handler::models::time::Timestamp;
use chrono::{DateTime, LocalResult, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{interval::Interval, vtimezone};

/// Bytes of a line without its line break, section 3.1.
const LINE_MAX: usize = 75;
/// Who made the calendar, section 3.7.3.
const PRODUCT: &str = "-//Tandem//chat-manager//EN";
/// Its media type, section 8.1.
pub const MEDIA_TYPE: &str = "text/calendar; charset=utf-8";

/// How sure an event is, section 3.8.1.11.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Not confirmed yet.
    Tentative,
    /// It takes place.
    Confirmed,
    /// It does not.
    Cancelled,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Tentative => "TENTATIVE",
            Self::Confirmed => "CONFIRMED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// One event.
#[derive(Debug, Clone)]
pub struct Event<'e> {
    /// Makes its UID, which is the same for ever.
    pub id: Uuid,
    /// Grows with every change that others must see, section 3.8.7.4.
    pub sequence: i32,
    /// When it takes place.
    pub time: Interval,
    /// Its title.
    pub summary: &'e str,
    /// Where; empty = not known.
    pub location: &'e str,
    /// How sure it is.
    pub status: Status,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
    /// Who is invited to it; none where it is only shown.
    pub invitation: Option<Invitation<'e>>,
}

/// The UID of an appointment: the same in every calendar and invitation.
pub fn uid(id: Uuid) -> String {
    format!("{id}@tandem")
}

/// A calendar with these events, in the time of `zone`.
pub fn calendar(name: &str, zone: Tz, events: &[Event<'_>]) -> String {
    let mut lines = Lines::begin();
    lines.push("METHOD", "PUBLISH");
    lines.push("X-WR-CALNAME", &escaped(name));
    lines.push("X-WR-TIMEZONE", zone.name());
    finish(lines, zone, events)
}

/// One event as CalDAV keeps it: without a method (RFC 4791, section 4.1).
pub fn object(zone: Tz, event: &Event<'_>) -> String {
    finish(Lines::begin(), zone, std::slice::from_ref(event))
}

/// What an invitation is for, RFC 5546, section 3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// It takes place, at this time.
    Request,
    /// It does not, or not with this attendee.
    Cancel,
}

impl Method {
    /// As iCalendar and MIME write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
        }
    }
}

/// An invitation by mail: who invites whom. Both are plain addresses.
#[derive(Debug, Clone, Copy)]
pub struct Invitation<'i> {
    /// What for.
    pub method: Method,
    /// Who invites.
    pub organizer: &'i str,
    /// Who is invited.
    pub attendee: &'i str,
}

/// An event as an invitation to it.
pub fn invitation(zone: Tz, event: &Event<'_>, invitation: &Invitation<'_>) -> String {
    let mut lines = Lines::begin();
    lines.push("METHOD", invitation.method.as_str());
    let status = match invitation.method {
        Method::Request => event.status,
        Method::Cancel => Status::Cancelled,
    };
    let event = Event {
        status,
        invitation: Some(*invitation),
        ..event.clone()
    };
    finish(lines, zone, std::slice::from_ref(&event))
}

fn finish(mut lines: Lines, zone: Tz, events: &[Event<'_>]) -> String {
    let span = events
        .iter()
        .map(|event| event.time)
        .reduce(|one, other| Interval::new(one.start.min(other.start), one.end.max(other.end)));
    let is_named = zone != Tz::UTC;
    if let Some(span) = span.filter(|_| is_named) {
        for (name, value) in vtimezone::lines(zone, span) {
            lines.push(&name, &value);
        }
    }
    for event in events {
        write_event(&mut lines, zone, event);
    }
    lines.push("END", "VCALENDAR");
    lines.0
}

fn write_event(lines: &mut Lines, zone: Tz, event: &Event<'_>) {
    lines.push("BEGIN", "VEVENT");
    lines.push("UID", &uid(event.id));
    // Of a published calendar: when this instance was made, section 3.8.7.2.
    lines.push("DTSTAMP", &utc_time(event.modified));
    lines.push("CREATED", &utc_time(event.created));
    lines.push("LAST-MODIFIED", &utc_time(event.modified));
    lines.push("SEQUENCE", &event.sequence.to_string());
    lines.push_time("DTSTART", zone, event.time.start);
    lines.push_time("DTEND", zone, event.time.end);
    lines.push("SUMMARY", &escaped(event.summary));
    if !event.location.is_empty() {
        lines.push("LOCATION", &escaped(event.location));
    }
    if let Some(Invitation {
        organizer,
        attendee,
        method,
    }) = event.invitation
    {
        lines.push("ORGANIZER", &format!("mailto:{organizer}"));
        let name = match method {
            Method::Request => "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE",
            Method::Cancel => "ATTENDEE",
        };
        lines.push(name, &format!("mailto:{attendee}"));
    }
    lines.push("STATUS", event.status.as_str());
    lines.push(
        "TRANSP",
        if event.status == Status::Cancelled {
            "TRANSPARENT"
        } else {
            "OPAQUE"
        },
    );
    lines.push("END", "VEVENT");
}

/// Content lines, folded.
#[derive(Default)]
struct Lines(String);

impl Lines {
    /// What every calendar begins with.
    fn begin() -> Self {
        let mut lines = Self::default();
        lines.push("BEGIN", "VCALENDAR");
        lines.push("VERSION", "2.0");
        lines.push("PRODID", PRODUCT);
        lines.push("CALSCALE", "GREGORIAN");
        lines
    }

    fn push(&mut self, name: &str, value: &str) {
        fold(&format!("{name}:{value}"), &mut self.0);
    }

    /// As the clocks of the zone show it. A local time that is there twice would mean the first of the two (section
    /// 3.3.5), so it is written in UTC.
    fn push_time(&mut self, name: &str, zone: Tz, at: Timestamp) {
        let local = utc(at).with_timezone(&zone).naive_local();
        let is_plain = matches!(zone.from_local_datetime(&local), LocalResult::Single(_));
        if zone == Tz::UTC || !is_plain {
            return self.push(name, &utc_time(at));
        }
        self.push(&format!("{name};TZID={}", zone.name()), &local_time(local));
    }
}

/// Lines of 75 bytes at most, the following ones after a space; no letter is cut in two.
fn fold(line: &str, out: &mut String) {
    let mut rest = line;
    let mut room = LINE_MAX;
    while rest.len() > room {
        let (head, tail) = rest.split_at(rest.floor_char_boundary(room));
        out.push_str(head);
        out.push_str("\r\n ");
        rest = tail;
        room = LINE_MAX - 1;
    }
    out.push_str(rest);
    out.push_str("\r\n");
}

/// A text value, section 3.3.11. Other control characters are not allowed in one, and left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\\' | ';' | ',' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\n' | '\r' => escaped.push_str("\\n"),
            '\t' => escaped.push(c),
            _ if c.is_control() => {}
            _ => escaped.push(c),
        }
    }
    escaped
}

/// As clocks show it, section 3.3.5.
pub(super) fn local_time(local: NaiveDateTime) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write!(text, "{}", local.format("%Y%m%dT%H%M%S"));
    text
}

fn utc_time(at: Timestamp) -> String {
    format!("{}Z", local_time(utc(at).naive_utc()))
}

pub(super) fn utc(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.micros()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const NEW_YORK: Tz = chrono_tz::America::New_York;

    fn event<'e>(summary: &'e str, start: &str, end: &str) -> Event<'e> {
        Event {
            id: Uuid::from_u128(7),
            sequence: 3,
            time: Interval::new(start.parse().unwrap(), end.parse().unwrap()),
            summary,
            location: "1 Main St, Springfield",
            status: Status::Confirmed,
            created: "2026-11-01T00:00:00Z".parse().unwrap(),
            modified: "2026-11-02T00:00:00Z".parse().unwrap(),
            invitation: None,
        }
    }

    fn unfolded(text: &str) -> String {
        text.replace("\r\n ", "")
    }

    #[test]
    fn an_event_has_its_uid_its_sequence_and_its_zone() {
        let text = calendar(
            "Ann's Plumbing",
            NEW_YORK,
            &[event(
                "Leak; kitchen",
                "2026-11-20T14:00:00Z",
                "2026-11-20T15:30:00Z",
            )],
        );
        for line in [
            "UID:00000000-0000-0000-0000-000000000007@tandem\r\n",
            "SEQUENCE:3\r\n",
            "DTSTART;TZID=America/New_York:20261120T090000\r\n",
            "DTEND;TZID=America/New_York:20261120T103000\r\n",
            "DTSTAMP:20261102T000000Z\r\n",
            "SUMMARY:Leak\\; kitchen\r\n",
            "LOCATION:1 Main St\\, Springfield\r\n",
            "STATUS:CONFIRMED\r\n",
            "TZID:America/New_York\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"));
    }

    #[rstest]
    #[case(Method::Request, "METHOD:REQUEST\r\n", "STATUS:CONFIRMED\r\n")]
    #[case(Method::Cancel, "METHOD:CANCEL\r\n", "STATUS:CANCELLED\r\n")]
    fn an_invitation_says_who_invites_whom(
        #[case] method: Method,
        #[case] first: &str,
        #[case] status: &str,
    ) {
        let event = event("Leak", "2026-11-20T14:00:00Z", "2026-11-20T15:30:00Z");
        let by = Invitation {
            method,
            organizer: "tandem@example.com",
            attendee: "ann@example.org",
        };
        let text = unfolded(&invitation(NEW_YORK, &event, &by));
        for line in [
            first,
            status,
            "UID:00000000-0000-0000-0000-000000000007@tandem\r\n",
            "SEQUENCE:3\r\n",
            "ORGANIZER:mailto:tandem@example.com\r\n",
            ":mailto:ann@example.org\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert_eq!(text.matches("METHOD:").count(), 1);
    }

    #[rstest]
    // 1:30 is there twice on 2026-11-01.
    #[case("2026-11-01T05:30:00Z", "DTSTART:20261101T053000Z\r\n")]
    #[case("2026-11-01T06:30:00Z", "DTSTART:20261101T063000Z\r\n")]
    #[case(
        "2026-11-01T07:30:00Z",
        "DTSTART;TZID=America/New_York:20261101T023000\r\n"
    )]
    fn a_local_time_that_is_there_twice_is_written_in_utc(#[case] start: &str, #[case] line: &str) {
        let text = calendar("x", NEW_YORK, &[event("x", start, "2026-11-01T09:00:00Z")]);
        assert!(text.contains(line), "{text}");
    }

    proptest! {
        #[test]
        fn lines_are_short_and_nothing_is_lost_or_smuggled_in(summary in "[\\PC\r\n;,\\\\]{0,200}") {
            let text = calendar("x", Tz::UTC, &[event(&summary, "2026-11-20T14:00:00Z", "2026-11-20T15:00:00Z")]);
            for line in text.split("\r\n") {
                prop_assert!(line.len() <= LINE_MAX, "{}", line);
                prop_assert!(!line.contains(['\r', '\n']));
            }
            let whole = unfolded(&text);
            let lines: Vec<_> = whole.split("\r\n").collect();
            prop_assert_eq!(lines.iter().filter(|line| line.starts_with("BEGIN:VEVENT")).count(), 1);
            let told = lines.iter().find_map(|line| line.strip_prefix("SUMMARY:")).unwrap();
            let read = told.replace("\\\\", "\u{0}").replace("\\n", "\n").replace("\\;", ";").replace("\\,", ",")
                .replace('\u{0}', "\\");
            let expected: String = summary.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(read, expected);
        }
    }
}
