//! Texts: what is owed for missed calls is sent once, nothing is sent twice, and nothing to whoever opted out.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bin_common_handler::testing::{lab::Site, until_within};
use uuid::Uuid;

use crate::{load::Book, tally::Tally, texts::Texts};

/// Work that failed all along is tried again within two minutes, and what became of a text is looked for half a minute.
const QUIET_MAX: Duration = Duration::from_secs(150);
/// Words of a status whose text the carrier has, or will never have.
const OPEN: &str = "status IN ('queued', 'sending')";

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    direction: String,
    status: String,
    cause_key: Option<String>,
}

/// Counts what does not agree.
pub async fn agree(site: &Site, texts: &Texts, book: &Book, tally: &mut Tally) {
    tally.promise(!book.missed.is_empty(), || "no call was missed".to_owned());
    tally.promise(!book.opted_out.is_empty(), || "nobody opted out".to_owned());
    let owned = format!("customer_id = X'{}'", texts.customer_id.simple());
    let owed = book.missed.len() as u64;
    until_within(
        QUIET_MAX,
        "every greeting is written, and sent",
        async || {
            let greetings = format!("chat_messages WHERE {owned} AND cause_key LIKE 'greet:%'");
            let open = format!("chat_messages WHERE {owned} AND direction = 'outbound' AND {OPEN}");
            let waiting = format!("chat_webhooks WHERE {owned} AND tm_done IS NULL");
            let is_quiet = site.count(&greetings).await as u64 >= owed
                && site.count(&open).await == 0
                && site.count(&waiting).await == 0;
            is_quiet.then_some(())
        },
    )
    .await;
    let rows = rows(site, texts.customer_id).await;
    greetings_are_those_owed(&rows, book, tally);
    texts_are_those_said(&rows, texts, tally);
    nobody_who_opted_out_has_one(texts, book, tally);
    what_was_written_is_there_once(&rows, book, tally);
}

async fn rows(site: &Site, customer_id: Uuid) -> Vec<Row> {
    let sql = "SELECT id, direction, status, cause_key FROM chat_messages WHERE customer_id = ?";
    sqlx::query_as(sql)
        .bind(customer_id)
        .fetch_all(&mut site.db().await)
        .await
        .unwrap()
}

/// One for each missed call, and no other.
fn greetings_are_those_owed(rows: &[Row], book: &Book, tally: &mut Tally) {
    let causes = rows.iter().filter_map(|row| row.cause_key.as_deref());
    let mut greeted: BTreeMap<&str, u64> = BTreeMap::new();
    for call in causes.filter_map(|cause| cause.strip_prefix("greet:")) {
        *greeted.entry(call).or_default() += 1;
    }
    for (_, call) in &book.missed {
        let count = greeted.remove(call.as_str()).unwrap_or_default();
        tally.lost(1_u64.saturating_sub(count), || {
            format!("the greeting for the call {call}")
        });
        tally.twice(count.saturating_sub(1), || {
            format!("the greeting for the call {call}")
        });
    }
    tally.promise(greeted.is_empty(), || {
        format!("{} greetings for calls that owe none", greeted.len())
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
        let must_be = match row.status.as_str() {
            "accepted" | "sent" | "delivered" | "undelivered" => Some(1),
            "failed" | "discarded" => Some(0),
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
