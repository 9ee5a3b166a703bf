//! Microsoft 365 by Microsoft Graph. An event's id is the server's; a transaction id of ours keeps a second one from being
//! made when an answer is lost.

use std::collections::HashSet;

use bin_common_handler::{
    httphandler::{HttpRequest, Method, StatusCode},
    models::time::Timestamp,
};
use chrono::{DateTime, NaiveDateTime, SecondsFormat};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    google::encoded,
    remote::{Fault, Pulled, Remote, judged},
};
use crate::{
    booking::{
        ical::{Event, Status},
        interval::Interval,
    },
    models::appointment::Appointment,
};

/// Pages of one reading, of 500 events.
const PAGES_MAX: usize = 20;

/// The calendar.
pub(super) fn url(base: &str, calendar: &str) -> String {
    let base = base.trim_end_matches('/');
    if calendar.is_empty() {
        return format!("{base}/me/calendar");
    }
    format!("{base}/me/calendars/{}", encoded(calendar))
}

pub(super) fn event_url(remote: &Remote, id: &str) -> String {
    format!("{}/events/{}", remote.url, encoded(id))
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

/// Writes an event.
///
/// # Errors
/// [`Fault`].
pub(super) async fn put(
    remote: &Remote,
    appointment: &Appointment,
    event: &Event<'_>,
    known_as: Option<&str>,
) -> Result<String, Fault> {
    let mut transaction = appointment.id.to_string();
    if let Some(id) = known_as {
        let request = HttpRequest::new(Method::PATCH, event_url(remote, id)).repeatable();
        let answer = remote.send(request.json(&body(event))?).await?;
        if answer.status != StatusCode::NOT_FOUND {
            judged(&answer)?;
            // It is told back; any other answer is not the calendar's.
            answer.json::<Made>()?;
            return Ok(id.to_owned());
        }
        // Somebody deleted it there: it is made anew, which is another transaction.
        transaction = format!("{transaction}-{}", event.sequence);
    }
    let mut body = body(event);
    if let Some(fields) = body.as_object_mut() {
        fields.insert("transactionId".to_owned(), json!(transaction));
    }
    let request = HttpRequest::new(Method::POST, format!("{}/events", remote.url)).repeatable();
    let answer = remote.send(request.json(&body)?).await?;
    judged(&answer)?;
    let made: Made = answer.json()?;
    Ok(made.id)
}

fn body(event: &Event<'_>) -> Value {
    let time = |at: Timestamp| json!({"dateTime": utc(at), "timeZone": "UTC"});
    json!({
        "subject": event.summary,
        "location": {"displayName": event.location},
        "showAs": if event.status == Status::Tentative { "tentative" } else { "busy" },
        "start": time(event.time.start),
        "end": time(event.time.end),
    })
}

/// As its API writes times: without a zone.
fn utc(at: Timestamp) -> String {
    let at = DateTime::from_timestamp_micros(at.micros()).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
        .trim_end_matches('Z')
        .to_owned()
}

#[derive(Deserialize)]
struct Page {
    value: Vec<Item>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    #[serde(default)]
    show_as: String,
    #[serde(default)]
    is_cancelled: bool,
    start: When,
    end: When,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct When {
    /// In UTC, as the request asks for.
    date_time: String,
}

impl When {
    fn at(&self) -> Option<Timestamp> {
        let at = NaiveDateTime::parse_from_str(&self.date_time, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        Some(Timestamp::from_micros(at.and_utc().timestamp_micros()))
    }
}

impl Item {
    fn time(&self) -> Option<Interval> {
        let takes_time = !self.is_cancelled && self.show_as != "free";
        takes_time.then(|| Some(Interval::new(self.start.at()?, self.end.at()?)))?
    }
}

/// All times. Repetitions come one by one, as the server counts them.
///
/// # Errors
/// [`Fault`].
pub(super) async fn busy(
    remote: &Remote,
    window: Interval,
    own: &HashSet<String>,
) -> Result<Pulled, Fault> {
    let first = format!(
        "{}/calendarView?startDateTime={}&endDateTime={}&$select=id,showAs,isCancelled,start,end&$top=500",
        remote.url,
        encoded(&format!("{}Z", utc(window.start))),
        encoded(&format!("{}Z", utc(window.end))),
    );
    let mut next = Some(first);
    let mut is_whole = true;
    let mut busy = Vec::new();
    for _ in 0..PAGES_MAX {
        let Some(url) = next.take() else { break };
        let request =
            HttpRequest::new(Method::GET, url).header("prefer", "outlook.timezone=\"UTC\"")?;
        let answer = remote.send(request).await?;
        judged(&answer)?;
        let page: Page = answer.json()?;
        let others = page.value.iter().filter(|item| !own.contains(&item.id));
        busy.extend(others.filter_map(Item::time));
        // The account's token goes to nobody else.
        let is_more = page.next.is_some();
        next = page.next.filter(|url| url.starts_with(&remote.url));
        is_whole = next.is_some() == is_more;
    }
    Ok(Pulled::All {
        busy,
        state: String::new(),
        is_whole: is_whole && next.is_none(),
    })
}
