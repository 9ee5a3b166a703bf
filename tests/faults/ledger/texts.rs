//! Texts: what is owed for missed calls is sent once, nothing is sent twice, and nothing to whoever opted out.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bin_common_handler::testing::lab::Site;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    load::{Book, Greeting, Missed},
    tally::Tally,
    texts::Texts,
};

/// Work that failed all along is tried again within two minutes, and what became of a text is looked for half a minute.
const QUIET_MAX: Duration = Duration::from_secs(150);
/// Between two looks.
const LOOK_PERIOD: Duration = Duration::from_millis(200);
/// Texts of which it is not yet known whether the carrier has them. It reports nothing later, as nobody hears it.
const OPEN: &str = "status IN ('queued', 'sending') AND provider_sid IS NULL";

#[derive(bin_common_handler::FromRow)]
struct Row {
    id: Uuid,
    direction: String,
    status: String,
    provider_sid: Option<String>,
    cause_key: Option<String>,
}

/// Counts what does not agree.
pub async fn agree(site: &Site, texts: &Texts, book: &Book, tally: &mut Tally) {
    tally.promise(!book.missed.is_empty(), || "no call was missed".to_owned());
    tally.promise(!book.opted_out.is_empty(), || "nobody opted out".to_owned());
    let owned = format!("customer_id = X'{}'", texts.customer_id.simple());
    let owed = book
        .missed
        .iter()
        .filter(|missed| missed.greeting == Greeting::Owed);
    let owed: BTreeSet<String> = owed.map(|missed| cause(&missed.call)).collect();
    let end = Instant::now() + QUIET_MAX;
    let open = format!("chat_messages WHERE {owned} AND direction = 'outbound' AND {OPEN}");
    let waiting = format!("chat_webhooks WHERE {owned} AND tm_done IS NULL");
    loop {
        let written = causes(site, texts.customer_id).await;
        let unwritten = owed.difference(&written).count();
        let (unsent, unread) = (site.count(&open).await, site.count(&waiting).await);
        let is_quiet = (unwritten, unsent, unread) == (0, 0, 0);
        if is_quiet || Instant::now() > end {
            tally.promise(is_quiet, || {
                format!("{unwritten} greetings unwritten, {unsent} texts unsent, {unread} webhooks unread")
            });
            break;
        }
        tokio::time::sleep(LOOK_PERIOD).await;
    }
    let rows = rows(site, texts.customer_id).await;
    greetings_are_those_owed(&rows, book, tally);
    texts_are_those_said(&rows, texts, tally);
    nobody_who_opted_out_has_one(texts, book, tally);
    what_was_written_is_there_once(&rows, book, tally);
}

async fn rows(site: &Site, customer_id: Uuid) -> Vec<Row> {
    let sql = "SELECT id, direction, status, provider_sid, cause_key FROM chat_messages WHERE customer_id = ?";
    sqlx::query_as(sql)
        .bind(customer_id)
        .fetch_all(&mut site.db().await)
        .await
        .unwrap()
}

fn cause(call: &str) -> String {
    format!("greet:{call}")
}

async fn causes(site: &Site, customer_id: Uuid) -> BTreeSet<String> {
    let rows = rows(site, customer_id).await;
    rows.into_iter().filter_map(|row| row.cause_key).collect()
}

/// One for each missed call that owes it, one at most where it may be, and no other.
fn greetings_are_those_owed(rows: &[Row], book: &Book, tally: &mut Tally) {
    let causes = rows.iter().filter_map(|row| row.cause_key.as_deref());
    let mut greeted: BTreeMap<&str, u64> = BTreeMap::new();
    for cause in causes.filter(|cause| cause.starts_with("greet:")) {
        *greeted.entry(cause).or_default() += 1;
    }
    for Missed { call, greeting } in &book.missed {
        let count = greeted.remove(cause(call).as_str()).unwrap_or_default();
        let what = || format!("the greeting for the call {call}");
        if *greeting == Greeting::Owed {
            tally.lost(1_u64.saturating_sub(count), what);
        }
        tally.twice(count.saturating_sub(1), what);
        tally.promise(count == 0 || *greeting != Greeting::Forbidden, || {
            format!("{} although they had opted out", what())
        });
    }
    tally.promise(greeted.is_empty(), || {
        format!("{} greetings for calls that nobody missed", greeted.len())
    });
}

/// The carrier has each text that is said to be sent, once, and none of which nobody knows.
fn texts_are_those_said(rows: &[Row], texts: &Texts, tally: &mut Tally) {
    let mut taken: BTreeMap<String, u64> = BTreeMap::new();
    for text in texts.carrier.messages() {
        if text.from == texts.number {
            let (_, id) = text.status_callback.split_once("message_id=").unwrap();
            *taken.entry(id.to_owned()).or_default() += 1;
        }
    }
    for row in rows.iter().filter(|row| row.direction == "outbound") {
        let count = taken.remove(&row.id.to_string()).unwrap_or_default();
        tally.twice(count.saturating_sub(1), || format!("the text {}", row.id));
        // What is said to have failed may not have left; what nobody knows may have, or not.
        let must_be = match (row.status.as_str(), &row.provider_sid) {
            (_, Some(_)) => Some(1),
            ("failed" | "discarded", None) => Some(0),
            _ => None,
        };
        if let Some(must_be) = must_be {
            let is_less = count < must_be;
            tally.lost(u64::from(is_less), || format!("the text {}", row.id));
            tally.promise(count <= must_be, || {
                format!("the text {}, which is {}, was sent", row.id, row.status)
            });
        }
    }
    tally.promise(taken.is_empty(), || {
        format!("{} texts that nobody said", taken.len())
    });
}

/// An opt-out was acknowledged before they called.
fn nobody_who_opted_out_has_one(texts: &Texts, book: &Book, tally: &mut Tally) {
    let out: BTreeSet<&str> = book.opted_out.iter().map(String::as_str).collect();
    let of_round = texts.carrier.messages().into_iter();
    let count = of_round
        .filter(|text| text.from == texts.number && out.contains(text.to.as_str()))
        .count();
    tally.promise(count == 0, || {
        format!("{count} texts to people who had opted out")
    });
}

fn what_was_written_is_there_once(rows: &[Row], book: &Book, tally: &mut Tally) {
    let inbound = rows.iter().filter(|row| row.direction == "inbound");
    let causes: Vec<_> = inbound.filter_map(|row| row.cause_key.as_deref()).collect();
    for sid in &book.written {
        let count = causes.iter().filter(|cause| cause.ends_with(sid)).count() as u64;
        tally.lost(1_u64.saturating_sub(count), || format!("the text {sid}"));
        tally.twice(count.saturating_sub(1), || format!("the text {sid}"));
    }
}
