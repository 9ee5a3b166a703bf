//! Three ledgers that must agree: what clients were told, the rows, the events.

use std::collections::{BTreeMap, BTreeSet};

use bin_common_handler::testing::lab::{Heard, Scene};
use uuid::Uuid;

use crate::load::{Book, Done};

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    name: String,
    version: i64,
}

/// Every acknowledged operation has its row and exactly one event, nothing else has; the last event of each
/// entity is its row; nothing is left in the queue or the outbox.
pub async fn agree(scene: &Scene, book: &Book) -> Vec<Heard> {
    assert!(book.faults.is_empty(), "{:#?}", book.faults);
    assert!(!book.done.is_empty(), "nothing was done");
    scene.settled("outdial_outbox").await;
    assert_eq!(scene.count("outdial_parked").await, 0);
    let (rows, heard) = (rows(scene).await, scene.heard().await);
    rows_are_those_acknowledged(&rows, &book.done);
    events_are_those_acknowledged(&heard, &book.done);
    order_holds(&heard);
    last_event_is_the_row(&heard, &rows);
    heard
}

async fn rows(scene: &Scene) -> BTreeMap<Uuid, Row> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, name, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', tm_update) AS version \
         FROM outdial_outdials",
    )
    .fetch_all(&mut scene.db().await)
    .await
    .unwrap();
    rows.into_iter().map(|row| (row.id, row)).collect()
}

fn rows_are_those_acknowledged(rows: &BTreeMap<Uuid, Row>, done: &[Done]) {
    let created: BTreeSet<Uuid> = done
        .iter()
        .filter(|op| op.creates)
        .map(|op| op.id)
        .collect();
    let there: BTreeSet<Uuid> = rows.keys().copied().collect();
    assert_eq!(
        there, created,
        "each create made one row, and nothing else did"
    );
    // One client changes one outdial, one operation after the other: its last is the row.
    let last: BTreeMap<Uuid, &str> = done.iter().map(|op| (op.id, op.name.as_str())).collect();
    for (id, name) in last {
        assert_eq!(rows[&id].name, name, "an acknowledged change is lost");
    }
}

/// Every operation wrote its own name, so an event tells whose it is.
fn events_are_those_acknowledged(heard: &[Heard], done: &[Done]) {
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in heard {
        ids.entry(event.name())
            .or_default()
            .insert(&event.message_id);
    }
    for op in done {
        let told = ids.remove(op.name.as_str()).unwrap_or_default();
        assert_eq!(
            told.len(),
            1,
            "events of {op:?}: {told:?}, of {} heard",
            heard.len()
        );
    }
    assert!(ids.is_empty(), "events without a change: {ids:?}");
}

/// Told for the first time, the events of one entity come in the order of their versions.
fn order_holds(heard: &[Heard]) {
    let mut known = BTreeSet::new();
    let mut newest: BTreeMap<Uuid, i64> = BTreeMap::new();
    for event in heard {
        if known.insert(&event.message_id) {
            let before = newest.insert(event.id, event.version).unwrap_or(i64::MIN);
            assert!(
                event.version > before,
                "an older event after a newer: {event:?}"
            );
        }
    }
}

fn last_event_is_the_row(heard: &[Heard], rows: &BTreeMap<Uuid, Row>) {
    let last: BTreeMap<Uuid, &Heard> = heard.iter().map(|event| (event.id, event)).collect();
    for (id, event) in last {
        let row = &rows[&id];
        assert_eq!(
            (event.version, event.name()),
            (row.version, row.name.as_str()),
            "the last event of an entity is its row"
        );
    }
}

/// How often an event was told after a newer one of its entity: once for each that a takeover repeats.
pub fn steps_back(heard: &[Heard]) -> BTreeMap<Uuid, usize> {
    let mut last: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut steps = BTreeMap::new();
    for event in heard {
        let before = last.insert(event.id, event.version).unwrap_or(i64::MIN);
        if event.version < before {
            *steps.entry(event.id).or_default() += 1;
        }
    }
    steps
}
