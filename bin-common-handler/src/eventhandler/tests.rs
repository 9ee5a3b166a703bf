//! Events on one process, with a clock that the test moves.

mod unheard;

use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Events;
use crate::{
    cachehandler::Cache,
    clock::Clock,
    databasehandler::{ChangeTx, Store, scratch},
    deadletter::DeadLetters,
    metrics::Metrics,
    models::error::{Error, Result},
    sockhandler::{
        Collect, Incoming, Outgoing, ReceivedEvent, Subscription, Transport, inprocess::InProcess,
    },
    testing::Log,
    trace::TraceContext,
    worker::PAUSES,
};

/// Longer than any pause between attempts, in microseconds.
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// What handlers saw, and which values fail.
#[derive(Clone, Default)]
struct Notes {
    done: Arc<Mutex<Vec<(String, i64)>>>,
    bad: Arc<Mutex<Vec<i64>>>,
    customers: Arc<Mutex<Vec<Option<Uuid>>>>,
}

#[derive(serde::Deserialize)]
struct Thing {
    value: i64,
}

async fn note(notes: Notes, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let thing: Thing = event.data()?;
    let sql = "INSERT INTO t_effects (value) VALUES (?)";
    tx.sql().execute(sql, vec![thing.value.into()]).await?;
    if notes.bad.lock().unwrap().contains(&thing.value) {
        return Err(Error::not_found("NO", "No."));
    }
    if thing.value < 0 {
        panic!("a negative value");
    }
    let customers = [tx.context().scope.customer_id(), event.customer_id];
    notes.customers.lock().unwrap().extend(customers);
    let entity = event.routing_key.split('.').nth(2).unwrap().to_owned();
    notes.done.lock().unwrap().push((entity, thing.value));
    Ok(())
}

async fn nothing(_tx: &mut ChangeTx<'_>, _event: &ReceivedEvent) -> Result<()> {
    Ok(())
}

struct World {
    store: Store,
    events: Events,
    notes: Notes,
    metrics: Metrics,
    _dir: TempDir,
}

impl World {
    async fn new() -> Self {
        let (db, dir) = scratch::database().await;
        let sql = "CREATE TABLE t_effects (value INTEGER NOT NULL)";
        db.execute(sql, vec![]).await.unwrap();
        let clock = Clock::default();
        let store = Store::new(db, clock, Cache::local(), Arc::default(), "t", "test");
        let metrics = Metrics::new().unwrap();
        let events = Events::new(store.clone(), metrics.clone(), "test");
        let notes = Notes::default();
        events.on_with("p.thing.#", notes.clone(), note);
        Self {
            store,
            events,
            notes,
            metrics,
            _dir: dir,
        }
    }

    async fn take(&self, events: &[Incoming]) {
        let collector = self.events.collector();
        collector.collect(events.to_vec()).await.unwrap();
    }

    async fn work(&self) {
        let worker = self.events.worker();
        while worker.work().await.unwrap() {}
    }

    fn done(&self) -> Vec<(String, i64)> {
        self.notes.done.lock().unwrap().clone()
    }

    fn values(&self) -> Vec<i64> {
        self.done().into_iter().map(|(_, value)| value).collect()
    }

    fn counted(&self, result: &str) -> u64 {
        let counter = &self.metrics.received_events;
        counter.with_label_values(&["test", result]).get()
    }

    async fn rows(&self, table: &str) -> i64 {
        #[derive(bin_common_handler::FromRow)]
        struct Count {
            rows_there: i64,
        }
        let sql = format!("SELECT COUNT(*) AS rows_there FROM {table}");
        let count: Option<Count> = self.store.db.fetch_optional(&sql, vec![]).await.unwrap();
        count.unwrap().rows_there
    }
}

fn body(value: &Json) -> Vec<u8> {
    let event = json!({"type": "thing_updated", "publisher": "p", "data": value});
    event.to_string().into_bytes()
}

/// Version `value` of a thing.
fn event(entity: &str, value: i64) -> Incoming {
    Incoming {
        trace: None,
        routing_key: format!("p.thing.{entity}.updated"),
        message_id: format!("{entity}-{value}"),
        version: Some(value),
        customer_id: None,
        body: body(&json!({ "value": value })),
    }
}

#[tokio::test]
async fn each_event_is_worked_on_once_and_in_order_however_often_it_comes() {
    let world = World::new().await;
    let events = [event("a", 1), event("b", 1), event("a", 2)];
    world.take(&events).await;
    world.take(&events[..2]).await;
    world.work().await;
    world.take(&events).await;
    world.work().await;
    let expected = [("a", 1), ("b", 1), ("a", 2)].map(|(entity, value)| (entity.to_owned(), value));
    assert_eq!(world.done(), expected);
    assert_eq!((world.counted("done"), world.counted("repeated")), (3, 3));
    assert_eq!(world.rows("t_incoming").await, 0);
    assert_eq!(world.rows("t_effects").await, 3);
}

#[tokio::test]
async fn what_is_older_than_the_newest_known_is_left_out() {
    let world = World::new().await;
    world
        .take(&[event("a", 5), event("a", 3), event("b", 4)])
        .await;
    let mut twin = event("a", 5);
    twin.message_id = "another fact of this version".to_owned();
    world.take(&[twin, event("a", 6)]).await;
    world.work().await;
    assert_eq!(world.values(), [5, 4, 5, 6]);
    assert_eq!(world.counted("outdated"), 1);
}

#[tokio::test]
async fn a_failing_event_holds_up_the_later_ones_of_its_entity_only() {
    let world = World::new().await;
    world.notes.bad.lock().unwrap().push(1);
    world
        .take(&[event("a", 1), event("a", 2), event("b", 3)])
        .await;
    world.work().await;
    assert_eq!(world.values(), [3]);
    world.store.clock.shift(2_000_000);
    world.work().await;
    assert_eq!(world.values(), [3], "still failing, and still held");
    world.notes.bad.lock().unwrap().clear();
    world.store.clock.shift(20_000_000);
    world.work().await;
    assert_eq!(world.values(), [3, 1, 2]);
    assert_eq!(world.rows("t_effects").await, 3, "no effect of a failure");
}

#[rstest]
#[case(json!({"value": -1}))]
#[case(json!({"value": 7}))]
#[case(json!({"values": 7}))]
#[case(json!(null))]
#[tokio::test]
async fn one_that_always_fails_is_set_aside_and_those_behind_it_go_on(#[case] data: Json) {
    let world = World::new().await;
    world.notes.bad.lock().unwrap().push(7);
    let bad = Incoming {
        body: body(&data),
        ..event("a", 1)
    };
    world.take(&[bad, event("a", 2)]).await;
    world.work().await;
    let mut passed = 0;
    for pause in PAUSES {
        assert_eq!(world.values(), [0; 0]);
        passed += i64::try_from(pause.as_micros()).unwrap() * 5 / 4 + 1_000_000;
        world.store.clock.shift(passed);
        world.work().await;
    }
    assert_eq!(world.values(), [2]);
    let dead = DeadLetters::new(world.store.db.clone(), "t")
        .list()
        .await
        .unwrap();
    let [dead] = &*dead else { panic!("{dead:?}") };
    assert_eq!((dead.source.as_str(), dead.attempt), ("event", 9));
    assert_eq!(
        (dead.kind.as_str(), dead.message_id.as_str()),
        ("thing_updated", "a-1")
    );
    assert_eq!((world.counted("retried"), world.counted("dead")), (8, 1));
}

#[rstest]
#[case(body(&json!({"value": 7})), &[("an event failed", 8), ("an event is given up", 1)])]
#[case(b"{".to_vec(), &[("an event is given up", 1)])]
#[tokio::test]
async fn what_the_log_tells_of_a_bad_one_names_its_trace(
    #[case] body: Vec<u8>,
    #[case] told: &[(&str, usize)],
) {
    let world = World::new().await;
    world.notes.bad.lock().unwrap().push(7);
    let trace = TraceContext::begin(false);
    let bad = Incoming {
        trace: Some(trace),
        body,
        ..event("a", 1)
    };
    let log = Log::listen();
    world.take(&[bad]).await;
    world.work().await;
    for (day, _) in (1..).zip(PAUSES) {
        world.store.clock.shift(day * DAY);
        world.work().await;
    }
    let trace_id = trace.id().to_string();
    for (said, times) in told {
        let lines = log.lines(said);
        assert_eq!(lines.len(), *times, "{said}");
        assert!(
            lines.iter().all(|line| line.contains(&trace_id)),
            "{lines:?}"
        );
    }
}

#[rstest]
#[case(b"".to_vec(), "UNREADABLE")]
#[case(b"{".to_vec(), "UNREADABLE")]
#[case(b"\xff\xfe".to_vec(), "UNREADABLE")]
#[case(b"[]".to_vec(), "UNREADABLE")]
#[case(br#"{"type":7}"#.to_vec(), "UNREADABLE")]
#[case(vec![b' '; 9 * 1024 * 1024], "TOO_LARGE")]
#[tokio::test]
async fn what_is_no_event_is_set_aside_at_once(#[case] body: Vec<u8>, #[case] reason: &str) {
    let world = World::new().await;
    let bad = Incoming {
        body,
        ..event("a", 1)
    };
    world.take(&[bad, event("a", 2)]).await;
    world.work().await;
    assert_eq!(world.values(), [2]);
    let dead = DeadLetters::new(world.store.db.clone(), "t")
        .list()
        .await
        .unwrap();
    assert!(dead[0].reason.starts_with(reason), "{dead:?}");
}

/// An older peer's event: no id, no version, no topic.
fn older(id: u128, value: i64) -> Incoming {
    let data = json!({"id": Uuid::from_u128(id), "value": value});
    Incoming {
        trace: None,
        routing_key: String::new(),
        message_id: String::new(),
        version: None,
        customer_id: None,
        body: body(&data),
    }
}

#[tokio::test]
async fn an_older_peers_event_is_known_by_its_content_for_a_while() {
    let world = World::new().await;
    world
        .take(&[older(1, 5), older(1, 5), older(1, 4), older(2, 5)])
        .await;
    world.work().await;
    assert_eq!(world.values(), [5, 4, 5], "none is left out as outdated");
    let (entity, _) = world.done()[0].clone();
    assert_eq!(entity, Uuid::from_u128(1).to_string());
    world.take(&[older(1, 5)]).await;
    world.work().await;
    assert_eq!(world.counted("repeated"), 1);
    let sql = "UPDATE t_received SET tm_expire = 0";
    world.store.db.execute(sql, vec![]).await.unwrap();
    world.events.collector().sweep().await.unwrap();
    assert_eq!(world.rows("t_received").await, 0);
    world.take(&[older(1, 5)]).await;
    world.work().await;
    assert_eq!(world.values(), [5, 4, 5, 5]);
}

#[tokio::test]
async fn what_has_no_room_stays_on_the_bus() {
    let world = World::new().await;
    let full = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000) \
                INSERT INTO t_incoming (event_key, entity, message_id, routing_key, payload, attempt, next_at) \
                SELECT n, n, '', '', '', 0, 9000000000000000000 FROM numbers";
    world.store.db.execute(full, vec![]).await.unwrap();
    let collector = world.events.collector();
    let refused = collector.collect(vec![event("a", 1)]).await.unwrap_err();
    assert_eq!(refused.status().code(), 503);
    let one = "DELETE FROM t_incoming WHERE seq = 1";
    world.store.db.execute(one, vec![]).await.unwrap();
    world.take(&[event("a", 1)]).await;
    world.work().await;
    assert_eq!(world.values(), [1]);
    assert_eq!(
        world
            .metrics
            .incoming_depth
            .with_label_values(&["test"])
            .get(),
        99_999
    );
}

#[tokio::test]
async fn only_what_is_old_enough_is_swept() {
    let world = World::new().await;
    world.take(&[event("a", 1), event("b", 2)]).await;
    world.work().await;
    world.events.collector().sweep().await.unwrap();
    assert_eq!(world.rows("t_received").await, 2);
    assert_eq!(world.rows("t_seen_versions").await, 2);
    let sql = "UPDATE t_seen_versions SET tm_expire = 0 WHERE version = 1";
    world.store.db.execute(sql, vec![]).await.unwrap();
    world.events.collector().sweep().await.unwrap();
    assert_eq!(world.rows("t_seen_versions").await, 1);
}

#[tokio::test]
async fn every_handler_whose_pattern_fits_runs_and_an_unwanted_event_goes() {
    let world = World::new().await;
    let other = Notes::default();
    world.events.on_with("p.*.a.updated", other.clone(), note);
    world.events.on("p.nothing.#", nothing);
    let unwanted = Incoming {
        routing_key: "p.unwanted.a.made".to_owned(),
        ..event("x", 9)
    };
    let customer_id = Some(Uuid::from_u128(7));
    let owned = Incoming {
        customer_id,
        ..event("a", 1)
    };
    world.take(&[owned, event("b", 2), unwanted]).await;
    world.work().await;
    assert_eq!(world.values(), [1, 2]);
    assert_eq!(other.done.lock().unwrap().len(), 1);
    assert_eq!(*other.customers.lock().unwrap(), [customer_id; 2]);
    assert_eq!(world.counted("unwanted"), 1);
}

/// What an embedded installation promises: published is written down, or published again.
#[tokio::test]
async fn the_bus_inside_a_process_loses_no_event_of_a_durable_subscription() {
    let world = World::new().await;
    let bus = InProcess::default();
    let subscription = Subscription {
        name: "test".to_owned(),
        patterns: vec!["p.thing.#".to_owned()],
        fanouts: Vec::new(),
        durable: true,
    };
    let stop = CancellationToken::new();
    let collector = Arc::new(world.events.collector());
    let collecting = bus.collect(subscription, collector, stop.clone());
    let outgoing: Vec<Outgoing> = (1..=100)
        .map(|value| {
            let event = event("a", value);
            Outgoing {
                trace: None,
                routing_key: event.routing_key,
                message_id: event.message_id,
                version: value,
                customer_id: None,
                body: event.body,
            }
        })
        .collect();
    let mut lease = bus.lease("p", "d").await.unwrap();
    assert_eq!(lease.publish(&outgoing).await, [true; 100]);
    assert_eq!(world.rows("t_incoming").await, 100, "nobody has read yet");
    // Its consumer stops before what publishes: what is told in between is not lost either.
    stop.cancel();
    collecting.await;
    assert_eq!(lease.publish(&outgoing[..1]).await, [true]);
    let table = "ALTER TABLE t_incoming RENAME TO t_away";
    world.store.db.execute(table, vec![]).await.unwrap();
    assert_eq!(
        lease.publish(&outgoing).await,
        [false; 100],
        "nothing was kept"
    );
    let table = "ALTER TABLE t_away RENAME TO t_incoming";
    world.store.db.execute(table, vec![]).await.unwrap();
    world.work().await;
    assert_eq!(world.values(), (1..=100).collect::<Vec<_>>());
}
