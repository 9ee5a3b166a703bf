//! Entities: each acknowledged operation has its row and exactly one event, and nothing else has.

use std::collections::{BTreeMap, BTreeSet};

use bin_common_handler::testing::lab::{Heard, Site};
use uuid::Uuid;

use crate::{
    load::{Book, Done, Subject},
    tally::Tally,
};

#[derive(bin_common_handler::FromRow)]
struct Row {
    id: Uuid,
    name: String,
    version: i64,
}

type Rows = BTreeMap<Uuid, Row>;

/// Counts what does not agree.
pub async fn agree(site: &Site, subject: Subject, book: &Book, heard: &[Heard], tally: &mut Tally) {
    let done: Vec<&Done> = book
        .done
        .iter()
        .filter(|done| done.subject == subject)
        .collect();
    tally.promise(!done.is_empty(), || format!("no {subject:?} was made"));
    let heard: Vec<&Heard> = heard
        .iter()
        .filter(|event| subject.events().contains(&event.kind.as_str()))
        .filter(|event| event.name().ends_with(&book.run))
        .collect();
    let rows = rows(site, subject, &book.run).await;
    rows_are_those_acknowledged(&rows, &done, tally);
    events_are_those_acknowledged(&heard, &done, tally);
    last_event_is_the_row(&heard, &rows, tally);
}

async fn rows(site: &Site, subject: Subject, run: &str) -> Rows {
    let sql = format!(
        "SELECT id, name, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', COALESCE(tm_update, tm_create)) AS version \
         FROM {} WHERE name LIKE ?",
        subject.table()
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(format!("%-{run}"))
        .fetch_all(&mut site.db().await)
        .await
        .unwrap();
    rows.into_iter().map(|row| (row.id, row)).collect()
}

fn rows_are_those_acknowledged(rows: &Rows, done: &[&Done], tally: &mut Tally) {
    let creates = done.iter().filter(|done| done.creates);
    let created: BTreeSet<Uuid> = creates.map(|done| done.id).collect();
    for id in &created {
        let is_lost = !rows.contains_key(id);
        tally.lost(u64::from(is_lost), || format!("{id}, which was made"));
    }
    for (id, row) in rows {
        // Nobody was told of it, so a create that was acknowledged was done twice.
        let is_strange = !created.contains(id);
        tally.twice(u64::from(is_strange), || format!("{} as {id}", row.name));
    }
    // One clerk changes one entity, one operation after the other: its last is the row.
    let last: BTreeMap<Uuid, &str> = done.iter().map(|op| (op.id, op.name.as_str())).collect();
    for (id, name) in last {
        let is_lost = rows.get(&id).is_some_and(|row| row.name != name);
        tally.lost(u64::from(is_lost), || {
            format!("the change of {id} to {name}")
        });
    }
}

/// Every operation wrote its own name, so an event tells whose it is.
fn events_are_those_acknowledged(heard: &[&Heard], done: &[&Done], tally: &mut Tally) {
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in heard {
        ids.entry(event.name())
            .or_default()
            .insert(&event.message_id);
    }
    for op in done {
        let told = ids.remove(op.name.as_str()).map_or(0, |ids| ids.len()) as u64;
        tally.missing(1_u64.saturating_sub(told), || format!("{op:?}"));
        tally.twice(told.saturating_sub(1), || format!("events of {op:?}"));
    }
    tally.promise(ids.is_empty(), || {
        format!("events without a change: {ids:?}")
    });
}

fn last_event_is_the_row(heard: &[&Heard], rows: &Rows, tally: &mut Tally) {
    let last: BTreeMap<Uuid, &Heard> = heard.iter().map(|event| (event.id, *event)).collect();
    for (id, event) in last {
        let is_row = rows
            .get(&id)
            .is_some_and(|row| (row.version, row.name.as_str()) == (event.version, event.name()));
        tally.promise(is_row, || {
            format!("the last event of {id} is not its row: {event:?}")
        });
    }
}
