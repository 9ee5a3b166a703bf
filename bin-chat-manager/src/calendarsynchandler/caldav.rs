//! CalDAV (RFC 4791): each appointment is an object of the collection, named by its id.

use base64::{Engine, engine::general_purpose::STANDARD};
use bin_common_handler::{
    httphandler::{HttpRequest, HttpResponse, Method, StatusCode},
    models::time::Timestamp,
    redact::Secret,
};
use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use roxmltree::Document;

use super::remote::{Fault, Pulled, Remote, judged};
use crate::booking::{
    ical::{self, Event},
    interval::Interval,
    recurrence,
};

/// Namespaces of what servers answer.
const DAV: &str = "DAV:";
const CALDAV: &str = "urn:ietf:params:xml:ns:caldav";
const CALENDARSERVER: &str = "http://calendarserver.org/ns/";
const XML: &str = "application/xml; charset=utf-8";

/// Asks whether anything changed.
const CTAG: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<d:propfind xmlns:d="DAV:" xmlns:cs="http://calendarserver.org/ns/"><d:prop><cs:getctag/></d:prop></d:propfind>"#;

/// The account's header (RFC 7617).
pub(super) fn basic(username: &str, password: &Secret) -> Secret {
    let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
    Secret::new(format!("Basic {pair}"))
}

pub(super) fn event_url(remote: &Remote, name: &str) -> String {
    format!("{}/{name}.ics", remote.url)
}

/// Writes an appointment's object.
///
/// # Errors
/// [`Fault`].
pub(super) async fn put(remote: &Remote, event: &Event<'_>) -> Result<String, Fault> {
    let name = event.id.to_string();
    let request = HttpRequest::new(Method::PUT, event_url(remote, &name))
        .body(ical::MEDIA_TYPE, ical::object(remote.zone, event));
    done(&remote.send(request).await?)?;
    Ok(name)
}

/// Whether an object was written, or taken away. A page to log in says 200 as well, so a 200 with words counts only where
/// they are a server's own (some tell of a deletion in a multistatus).
///
/// # Errors
/// [`Fault`].
pub(super) fn done(answer: &HttpResponse) -> Result<(), Fault> {
    judged(answer)?;
    match answer.status {
        StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
        StatusCode::OK if answer.body.is_empty() => Ok(()),
        StatusCode::OK => parsed(text(answer)?).map(drop),
        _ => Err(Fault::Broken),
    }
}

/// All times, unless the collection's tag is the one that is known.
///
/// # Errors
/// [`Fault`].
pub(super) async fn busy(remote: &Remote, known: &str, window: Interval) -> Result<Pulled, Fault> {
    let answer = ask(remote, "PROPFIND", "0", CTAG.to_owned()).await?;
    let tag = texts(&parsed(text(&answer)?)?, CALENDARSERVER, "getctag")
        .pop()
        .unwrap_or_default();
    // A server without tags is read each time.
    if !tag.is_empty() && tag == known {
        return Ok(Pulled::Same);
    }
    let answer = ask(remote, "REPORT", "1", query(window)).await?;
    let (busy, is_whole) = times(text(&answer)?, remote.zone, window)?;
    // What was not understood is looked at again.
    let state = if is_whole { tag } else { String::new() };
    Ok(Pulled::All {
        busy,
        state,
        is_whole,
    })
}

/// The times of all objects of an answer, and whether these are all: one object that is not understood hides no other, and
/// a server that has more than it tells says so (section 7.8, status 507).
fn times(answer: &str, zone: Tz, window: Interval) -> Result<(Vec<Interval>, bool), Fault> {
    let document = parsed(answer)?;
    let mut busy = Vec::new();
    let mut is_whole = texts(&document, DAV, "status")
        .iter()
        .all(|status| !status.contains(" 507"));
    for object in texts(&document, CALDAV, "calendar-data") {
        match recurrence::busy(&object, zone, window) {
            Ok(times) => busy.extend(times),
            Err(_) => is_whole = false,
        }
    }
    Ok((busy, is_whole))
}

/// Section 7.8: the events of a time.
fn query(window: Interval) -> String {
    let time = |at: Timestamp| {
        let at = DateTime::from_timestamp_micros(at.micros()).unwrap_or_default();
        at.to_rfc3339_opts(SecondsFormat::Secs, true)
            .replace(['-', ':'], "")
    };
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<c:calendar-query xmlns:d="DAV:" xmlns:c="{CALDAV}"><d:prop><c:calendar-data/></d:prop><c:filter>
<c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"><c:time-range start="{}" end="{}"/></c:comp-filter></c:comp-filter>
</c:filter></c:calendar-query>"#,
        time(window.start),
        time(window.end)
    )
}

async fn ask(
    remote: &Remote,
    method: &str,
    depth: &str,
    body: String,
) -> Result<HttpResponse, Fault> {
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Fault::Broken)?;
    let request = HttpRequest::new(method, format!("{}/", remote.url))
        .repeatable()
        .header("depth", depth)?
        .body(XML, body);
    let answer = remote.send(request).await?;
    judged(&answer)?;
    if answer.status != StatusCode::MULTI_STATUS {
        return Err(Fault::Broken);
    }
    Ok(answer)
}

fn text(answer: &HttpResponse) -> Result<&str, Fault> {
    std::str::from_utf8(&answer.body).map_err(|_| Fault::Broken)
}

/// A multistatus (RFC 4918, section 13); anything else is no answer of a calendar. A document type, and so entities of its
/// own, is refused.
fn parsed(text: &str) -> Result<Document<'_>, Fault> {
    let document = Document::parse(text).map_err(|_| Fault::Broken)?;
    let is_multistatus = document.root_element().has_tag_name((DAV, "multistatus"));
    is_multistatus.then_some(document).ok_or(Fault::Broken)
}

/// The texts of all elements of that name.
fn texts(document: &Document<'_>, namespace: &str, name: &str) -> Vec<String> {
    let elements = document.descendants();
    elements
        .filter(|element| element.has_tag_name((namespace, name)))
        .map(|element| element.text().unwrap_or_default().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LOGIN: &str = "<html><body>Please log in</body></html>";
    const DELETED: &str = r#"<multistatus xmlns="DAV:"><response/></multistatus>"#;

    fn answer(status: u16, body: &str) -> HttpResponse {
        HttpResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers: Default::default(),
            body: body.to_owned().into(),
        }
    }

    #[rstest]
    #[case::made(201, "", None)]
    #[case::changed(204, "", None)]
    #[case::changed_by_others(200, "", None)]
    #[case::deleted_by_radicale(200, DELETED, None)]
    #[case::log_in(200, LOGIN, Some(Fault::Broken))]
    #[case::nonsense(200, "ok", Some(Fault::Broken))]
    #[case::later(202, "", Some(Fault::Broken))]
    #[case::account(401, "", Some(Fault::Unauthorized))]
    #[case::away(503, "", Some(Fault::Away))]
    fn what_says_that_an_object_is_written(
        #[case] status: u16,
        #[case] body: &str,
        #[case] expected: Option<Fault>,
    ) {
        assert_eq!(done(&answer(status, body)).err(), expected);
    }

    fn report(objects: &str) -> String {
        format!(r#"<d:multistatus xmlns:d="DAV:" xmlns:c="{CALDAV}">{objects}</d:multistatus>"#)
    }

    const MEETING: &str = "<c:calendar-data>BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20261201T180000Z\r\n\
                           DTEND:20261201T200000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n</c:calendar-data>";

    #[rstest]
    #[case::nothing(report(""), Some((0, true)))]
    #[case::one(report(MEETING), Some((1, true)))]
    #[case::one_of_two(report(&format!("<c:calendar-data>?</c:calendar-data>{MEETING}")), Some((1, false)))]
    #[case::there_is_more(
        report(&format!("{MEETING}<d:response><d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>")),
        Some((1, false))
    )]
    #[case::log_in(LOGIN.to_owned(), None)]
    #[case::other_words("<a><multistatus/></a>".to_owned(), None)]
    #[case::no_namespace("<multistatus/>".to_owned(), None)]
    #[case::no_xml("{}".to_owned(), None)]
    fn times_come_from_a_calendar_only(
        #[case] answer: String,
        #[case] expected: Option<(usize, bool)>,
    ) {
        let at = |text: &str| text.parse().unwrap();
        let window = Interval::new(at("2026-12-01T00:00:00Z"), at("2026-12-02T00:00:00Z"));
        let found = times(&answer, Tz::UTC, window).ok();
        assert_eq!(
            found.map(|(busy, is_whole)| (busy.len(), is_whole)),
            expected
        );
    }
}
