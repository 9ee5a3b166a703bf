//! Google Calendar, version 3 of its API. An event's id is ours, so writing it again makes no second one.

use std::collections::HashSet;

use bin_common_handler::{
    httphandler::{HttpRequest, Method, StatusCode},
    models::time::Timestamp,
};
use chrono::NaiveDate;
use chrono_tz::Tz;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::remote::{Fault, Pulled, Remote, judged};
use crate::booking::{
    days,
    ical::{Event, Status},
    interval::Interval,
};

/// Pages of one reading, of 2,500 events.
const PAGES_MAX: usize = 10;

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The calendar's events.
pub(super) fn url(base: &str, calendar: &str) -> String {
    let calendar = if calendar.is_empty() {
        "primary"
    } else {
        calendar
    };
    let base = base.trim_end_matches('/');
    format!("{base}/calendars/{}/events", encoded(calendar))
}

pub(super) fn event_url(remote: &Remote, id: &str) -> String {
    format!("{}/{}", remote.url, encoded(id))
}

/// Writes an event. Its id is the appointment's, whose digits are allowed in one.
///
/// # Errors
/// [`Fault`].
pub(super) async fn put(
    remote: &Remote,
    event: &Event<'_>,
    known_as: Option<&str>,
) -> Result<String, Fault> {
    let id = event.id.simple().to_string();
    let body = body(event, &id, remote.zone);
    // Both ways end well when the first try arrived and its answer did not.
    let methods = if known_as.is_some() {
        [Method::PUT, Method::POST]
    } else {
        [Method::POST, Method::PUT]
    };
    let [first, second] = methods;
    let answer = write(remote, first, &id, &body).await?;
    let is_other_way = matches!(
        answer.status,
        StatusCode::CONFLICT | StatusCode::NOT_FOUND | StatusCode::GONE
    );
    let answer = if is_other_way {
        write(remote, second, &id, &body).await?
    } else {
        answer
    };
    judged(&answer)?;
    // It is told back; any other answer is not the calendar's.
    let written: Item = answer.json()?;
    if written.id == id {
        Ok(id)
    } else {
        Err(Fault::Broken)
    }
}

async fn write(
    remote: &Remote,
    method: Method,
    id: &str,
    body: &Value,
) -> Result<bin_common_handler::httphandler::HttpResponse, Fault> {
    let url = if method == Method::PUT {
        event_url(remote, id)
    } else {
        remote.url.clone()
    };
    remote.send(HttpRequest::new(method, url).json(body)?).await
}

fn body(event: &Event<'_>, id: &str, zone: Tz) -> Value {
    let time = |at: Timestamp| json!({"dateTime": at, "timeZone": zone.name()});
    json!({
        "id": id,
        "summary": event.summary,
        "location": event.location,
        "status": if event.status == Status::Tentative { "tentative" } else { "confirmed" },
        "start": time(event.time.start),
        "end": time(event.time.end),
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    items: Vec<Item>,
    next_page_token: Option<String>,
    next_sync_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Item {
    #[serde(default)]
    id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    transparency: String,
    start: Option<When>,
    end: Option<When>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct When {
    date_time: Option<Timestamp>,
    /// Of a whole day, such as 2026-11-20.
    date: Option<String>,
}

impl When {
    fn at(&self, zone: Tz) -> Option<Timestamp> {
        let date = || {
            let date: NaiveDate = self.date.as_ref()?.parse().ok()?;
            Some(days::start_of(zone, date))
        };
        self.date_time.or_else(date)
    }
}

impl Item {
    fn time(&self, zone: Tz) -> Option<Interval> {
        let takes_time = self.status != "cancelled" && self.transparency != "transparent";
        let (start, end) = (self.start.as_ref()?, self.end.as_ref()?);
        takes_time.then(|| Some(Interval::new(start.at(zone)?, end.at(zone)?)))?
    }
}

/// All times, unless nothing but our own events changed since `token` was given.
///
/// # Errors
/// [`Fault`].
pub(super) async fn busy(
    remote: &Remote,
    token: &str,
    window: Interval,
    own: &HashSet<String>,
) -> Result<Pulled, Fault> {
    if !token.is_empty() {
        let changes = pages(remote, &format!("syncToken={}", encoded(token))).await;
        match changes {
            Ok((items, Some(_))) if items.iter().all(|item| own.contains(&item.id)) => {
                return Ok(Pulled::Same);
            }
            // The token holds no more: everything is read.
            Ok(_) | Err(Fault::Gone) => {}
            Err(fault) => return Err(fault),
        }
    }
    let time = |at: Timestamp| encoded(&at.to_string());
    let query = format!(
        "singleEvents=true&maxResults=2500&timeMin={}&timeMax={}",
        time(window.start),
        time(window.end)
    );
    let (items, token) = pages(remote, &query).await?;
    let others = items.iter().filter(|item| !own.contains(&item.id));
    let busy = others.filter_map(|item| item.time(remote.zone)).collect();
    Ok(Pulled::All {
        busy,
        is_whole: token.is_some(),
        state: token.unwrap_or_default(),
    })
}

/// All items, and what asks for changes since; none where there are more than can be looked at.
async fn pages(remote: &Remote, query: &str) -> Result<(Vec<Item>, Option<String>), Fault> {
    let mut found = Vec::new();
    let mut next: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = next.map_or_else(String::new, |token| {
            format!("&pageToken={}", encoded(&token))
        });
        let url = format!("{}?{query}{page}", remote.url);
        let answer = remote.send(HttpRequest::new(Method::GET, url)).await?;
        judged(&answer)?;
        let page: Page = answer.json()?;
        found.extend(page.items);
        next = page.next_page_token;
        if next.is_none() {
            return Ok((found, Some(page.next_sync_token.unwrap_or_default())));
        }
    }
    // More than can be looked at: what was seen counts, and next time all is read again.
    Ok((found, None))
}
