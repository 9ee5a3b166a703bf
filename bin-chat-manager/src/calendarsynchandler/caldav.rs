//! CalDAV (RFC 4791): each appointment is an object of the collection, named by its id.

use base64::{Engine, engine::general_purpose::STANDARD};
use bin_common_handler::{
    httphandler::{HttpRequest, HttpResponse, Method},
    models::time::Timestamp,
    redact::Secret,
};
use chrono::{DateTime, SecondsFormat};

use super::remote::{Fault, Pulled, Remote, judged};
use crate::booking::{
    ical::{self, Event},
    interval::Interval,
    recurrence,
};

/// Namespaces of what servers answer.
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
    judged(&remote.send(request).await?)?;
    Ok(name)
}

/// All times, unless the collection's tag is the one that is known.
///
/// # Errors
/// [`Fault`].
pub(super) async fn busy(remote: &Remote, known: &str, window: Interval) -> Result<Pulled, Fault> {
    let answer = ask(remote, "PROPFIND", "0", CTAG.to_owned()).await?;
    let tag = text_of(&answer, CALENDARSERVER, "getctag")?
        .pop()
        .unwrap_or_default();
    // A server without tags is read each time.
    if !tag.is_empty() && tag == known {
        return Ok(Pulled::Same);
    }
    let answer = ask(remote, "REPORT", "1", query(window)).await?;
    let mut busy = Vec::new();
    for object in text_of(&answer, CALDAV, "calendar-data")? {
        // One object that is not understood hides no other.
        busy.extend(recurrence::busy(&object, remote.zone, window).unwrap_or_default());
    }
    Ok(Pulled::All { busy, state: tag })
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
    Ok(answer)
}

/// The texts of all elements of that name. A document type, and so entities of its own, is refused.
fn text_of(answer: &HttpResponse, namespace: &str, name: &str) -> Result<Vec<String>, Fault> {
    let text = std::str::from_utf8(&answer.body).map_err(|_| Fault::Broken)?;
    let document = roxmltree::Document::parse(text).map_err(|_| Fault::Broken)?;
    let elements = document.descendants();
    Ok(elements
        .filter(|element| element.has_tag_name((namespace, name)))
        .map(|element| element.text().unwrap_or_default().to_owned())
        .collect())
}
