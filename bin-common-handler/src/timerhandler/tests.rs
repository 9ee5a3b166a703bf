//! Timers on one process, with a clock that the test moves.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rstest::rstest;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Timer, Timers, runner::KindQueue};
use crate::{
    cachehandler::Cache,
    clock::Clock,
    context::RequestContext,
    databasehandler::{ChangeTx, Db, EventPayload, Store, Value, scratch},
    deadletter::DeadLetters,
    metrics::Metrics,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    testing::Log,
    trace::{TraceContext, within},
    worker::{PAUSES, Worker},
};

const KIND: &str = "close";
const HOUR: i64 = 3_600_000_000;
/// Longer than any pause between attempts.
const DAY: i64 = 24 * HOUR;

/// What handlers saw, and what they are to do.
#[derive(Clone, Default)]
struct Notes {
    fired: Arc<Mutex<Vec<Timer>>>,
    /// What the handler does with a payload like this.
    bad: Arc<Mutex<Vec<(i64, Bad)>>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bad {
    Fails,
    Panics,
}

async fn note(notes: Notes, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let payload: i64 = timer.payload()?;
    let event = EventPayload {
        resource_id: timer.entity_id,
        customer_id: Uuid::nil(),
        version: tx.now(),
        data: payload.to_string(),
    };
    tx.emit_payload("thing_closed", event).await?;
    let bad = notes.bad.lock().unwrap().clone();
    match bad.iter().find(|(bad, _)| *bad == payload) {
        Some((_, Bad::Fails)) => return Err(Error::not_found("GONE", "It is gone.")),
        Some((_, Bad::Panics)) => panic!("payload {payload}"),
        None => {}
    }
    notes.fired.lock().unwrap().push(timer);
    Ok(())
}

struct World {
    store: Store,
    timers: Timers,
    notes: Notes,
    metrics: Metrics,
    _dir: TempDir,
}

#[derive(bin_common_handler::FromRow)]
struct Count {
    rows_there: i64,
}

async fn count(db: &Db, from: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) AS rows_there FROM {from}");
    let count: Option<Count> = db.fetch_optional(&sql, vec![]).await.unwrap();
    count.unwrap().rows_there
}

impl World {
    async fn new() -> Self {
        let (db, dir) = scratch::database().await;
        let clock = Clock::default();
        let store = Store::new(db, clock, Cache::local(), Arc::default(), "t", "test");
        let metrics = Metrics::new().unwrap();
        let timers = Timers::new(store.clone(), metrics.clone(), "test");
        let notes = Notes::default();
        timers.on_with(KIND, notes.clone(), note);
        Self {
            store,
            timers,
            notes,
            metrics,
            _dir: dir,
        }
    }

    fn worker(&self) -> Worker<KindQueue> {
        self.timers.workers().unwrap().remove(0)
    }

    fn at(&self, micros: i64) -> Timestamp {
        Timestamp::from_micros(self.store.clock.now().micros() + micros)
    }

    async fn schedule(&self, entity: u128, at: Timestamp, payload: i64) {
        let ctx = RequestContext::internal();
        let mut tx = self.store.begin(&ctx).await.unwrap();
        let entity = Uuid::from_u128(entity);
        tx.schedule(KIND, entity, at, &payload).await.unwrap();
        tx.commit(()).await.unwrap();
    }

    async fn cancel(&self, entity: u128) -> bool {
        let ctx = RequestContext::internal();
        let mut tx = self.store.begin(&ctx).await.unwrap();
        let was_there = tx.cancel(KIND, Uuid::from_u128(entity)).await.unwrap();
        tx.commit(()).await.unwrap();
        was_there
    }

    /// Works off what is due now.
    async fn work(&self) {
        let worker = self.worker();
        while worker.work().await.unwrap() {}
    }

    fn payloads(&self) -> Vec<i64> {
        let fired = self.notes.fired.lock().unwrap();
        fired.iter().map(|timer| timer.payload().unwrap()).collect()
    }

    fn becomes_bad(&self, payload: i64, bad: Bad) {
        self.notes.bad.lock().unwrap().push((payload, bad));
    }
}

#[tokio::test]
async fn what_is_due_fires_once_the_oldest_first_with_its_events() {
    let world = World::new().await;
    for (entity, seconds) in [(1, -10), (2, -30), (3, 60), (4, -20)] {
        let at = world.at(seconds * 1_000_000);
        world.schedule(entity, at, seconds).await;
    }
    world.work().await;
    world.work().await;
    assert_eq!(world.payloads(), [-30, -20, -10]);
    assert_eq!(count(&world.store.db, "t_outbox").await, 3);
    world.store.clock.shift(61_000_000);
    world.work().await;
    assert_eq!(world.payloads(), [-30, -20, -10, 60]);
    assert_eq!(count(&world.store.db, "t_timers").await, 0);
}

#[tokio::test]
async fn setting_it_again_moves_it_and_cancelling_forgets_it() {
    let world = World::new().await;
    world.schedule(1, world.at(-1), 1).await;
    world.schedule(1, world.at(HOUR), 2).await;
    world.schedule(2, world.at(-1), 3).await;
    assert!(world.cancel(2).await);
    assert!(!world.cancel(2).await);
    world.work().await;
    assert_eq!(world.payloads(), [0; 0]);
    world.store.clock.shift(HOUR + 1);
    world.work().await;
    assert_eq!(world.payloads(), [2]);
    assert!(!world.cancel(1).await, "it has fired");
}

#[tokio::test]
async fn it_is_postponed_by_who_knows_when_it_was_to_fire() {
    let world = World::new().await;
    let (one, due, later) = (Uuid::from_u128(1), world.at(-1), world.at(HOUR));
    world.schedule(1, due, 1).await;
    let mut moved = Vec::new();
    for (entity, from) in [(2, due), (1, later), (1, due), (1, due)] {
        let ctx = RequestContext::internal();
        let mut tx = world.store.begin(&ctx).await.unwrap();
        let entity = Uuid::from_u128(entity);
        moved.push(tx.postpone(KIND, entity, from, later).await.unwrap());
        tx.commit(()).await.unwrap();
    }
    assert_eq!(moved, [false, false, true, false]);
    world.work().await;
    assert_eq!(world.payloads(), [0; 0]);
    world.store.clock.shift(HOUR + 1);
    world.work().await;
    assert_eq!(world.payloads(), [1], "with what it was given");
    assert_eq!(world.notes.fired.lock().unwrap()[0].entity_id, one);
}

#[tokio::test]
async fn a_change_that_is_rolled_back_sets_and_cancels_nothing() {
    let world = World::new().await;
    world.schedule(1, world.at(-1), 1).await;
    let ctx = RequestContext::internal();
    let mut tx = world.store.begin(&ctx).await.unwrap();
    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    tx.schedule(KIND, two, world.at(-1), &2).await.unwrap();
    assert!(tx.cancel(KIND, one).await.unwrap());
    drop(tx);
    world.work().await;
    assert_eq!(world.payloads(), [1]);
}

#[tokio::test]
async fn what_is_handed_over_is_durable() {
    let world = World::new().await;
    let handed = Arc::new(Mutex::new(Vec::new()));
    let ctx = RequestContext::internal();
    for (number, is_committed) in [(1, true), (2, false), (3, true)] {
        let mut tx = world.store.begin(&ctx).await.unwrap();
        let seen = Arc::clone(&handed);
        tx.after_commit(move || seen.lock().unwrap().push(number));
        assert!(!handed.lock().unwrap().contains(&number), "not yet");
        if is_committed {
            tx.commit(()).await.unwrap();
        }
    }
    assert_eq!(*handed.lock().unwrap(), [1, 3]);
}

#[rstest]
#[case(Bad::Fails)]
#[case(Bad::Panics)]
#[tokio::test]
async fn one_that_fails_holds_nobody_up_and_is_set_aside_in_the_end(#[case] bad: Bad) {
    let world = World::new().await;
    world.becomes_bad(7, bad);
    for entity in 1..=40 {
        world.schedule(entity, world.at(-1), entity as i64).await;
    }
    world.work().await;
    let all_others: Vec<i64> = (1..=40).filter(|payload| *payload != 7).collect();
    let mut fired = world.payloads();
    // What a handler does beside its transaction may be done again.
    fired.sort_unstable();
    fired.dedup();
    assert_eq!(fired, all_others);
    assert_eq!(
        count(&world.store.db, "t_outbox").await,
        39,
        "no event of a failure"
    );
    let mut passed = 0;
    for pause in PAUSES {
        assert_eq!(count(&world.store.db, "t_timers").await, 1);
        passed += i64::try_from(pause.as_micros()).unwrap() * 5 / 4 + 1_000_000;
        world.store.clock.shift(passed);
        world.work().await;
    }
    assert_eq!(count(&world.store.db, "t_timers").await, 0);
    let dead = DeadLetters::new(world.store.db.clone(), "t")
        .list()
        .await
        .unwrap();
    let [dead] = &*dead else { panic!("{dead:?}") };
    assert_eq!((dead.kind.as_str(), dead.attempt), (KIND, 9));
    assert_eq!(dead.subject, Uuid::from_u128(7).to_string());
    let reason = match bad {
        Bad::Fails => "GONE: It is gone.",
        Bad::Panics => "PANIC: The work panicked.",
    };
    assert_eq!(dead.reason, reason);
    let counted = |result| {
        world
            .metrics
            .timers
            .with_label_values(&["test", KIND, result])
    };
    let counts = ["fired", "retried", "dead"].map(|result| counted(result).get());
    assert_eq!(counts, [39, 8, 1]);
}

#[tokio::test]
async fn what_the_log_tells_of_a_failing_one_names_the_trace_that_set_it() {
    let world = World::new().await;
    world.becomes_bad(7, Bad::Fails);
    let trace = TraceContext::begin(false);
    Box::pin(within(Some(trace), world.schedule(7, world.at(-1), 7))).await;
    let log = Log::listen();
    world.work().await;
    for (day, _) in (1..).zip(PAUSES) {
        world.store.clock.shift(day * DAY);
        world.work().await;
    }
    let trace_id = trace.id().to_string();
    for (said, times) in [("a timer failed", 8), ("a timer is given up", 1)] {
        let lines = log.lines(said);
        assert_eq!(lines.len(), times, "{said}");
        assert!(
            lines.iter().all(|line| line.contains(&trace_id)),
            "{lines:?}"
        );
    }
}

#[tokio::test]
async fn one_that_heals_fires_and_one_that_is_moved_starts_anew() {
    let world = World::new().await;
    world.becomes_bad(1, Bad::Fails);
    world.schedule(1, world.at(-1), 1).await;
    world.work().await;
    world.store.clock.shift(2_000_000);
    world.work().await;
    world.schedule(1, world.at(-1), 2).await;
    world.notes.bad.lock().unwrap().clear();
    world.work().await;
    let fired = world.notes.fired.lock().unwrap().clone();
    let [timer] = &*fired else {
        panic!("{fired:?}")
    };
    assert_eq!((timer.payload::<i64>().unwrap(), timer.attempt), (2, 0));
}

async fn again(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let round: i64 = timer.payload()?;
    let at = tx.now().plus(Duration::from_secs(60));
    tx.schedule(&timer.kind, timer.entity_id, at, &(round + 1))
        .await
}

#[tokio::test]
async fn a_handler_may_set_its_own_timer_again() {
    let world = World::new().await;
    let timers = Timers::new(world.store.clone(), world.metrics.clone(), "test");
    timers.on(KIND, again);
    let worker = timers.workers().unwrap().remove(0);
    world.schedule(1, world.at(-1), 0).await;
    for minutes in 1..=3 {
        assert!(worker.work().await.unwrap());
        assert!(!worker.work().await.unwrap(), "not due again yet");
        world.store.clock.shift(minutes * 61_000_000);
    }
    world.work().await;
    assert_eq!(world.payloads(), [3]);
}

#[tokio::test]
async fn a_timer_that_is_set_soon_fires_then_and_not_at_the_next_look() {
    let world = World::new().await;
    let stop = CancellationToken::new();
    let test = async {
        // The loop has looked, and sleeps.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let set = tokio::time::Instant::now();
        world.schedule(1, world.at(50_000), 1).await;
        while world.payloads().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(
            set.elapsed() >= Duration::from_millis(49),
            "{:?}",
            set.elapsed()
        );
        assert!(
            set.elapsed() < Duration::from_millis(700),
            "{:?}",
            set.elapsed()
        );
        stop.cancel();
    };
    let (ran, ()) = tokio::join!(world.timers.run(stop.clone()), test);
    ran.unwrap();
}

#[rstest]
#[case("")]
#[case("two words")]
#[case("größe")]
#[case("x2345678901234567890123456789012345678901234567890123456789012345")]
#[tokio::test]
async fn what_is_no_kind_is_refused(#[case] kind: &'static str) {
    let world = World::new().await;
    let ctx = RequestContext::internal();
    let mut tx = world.store.begin(&ctx).await.unwrap();
    let set = tx.schedule(kind, Uuid::nil(), world.at(0), &()).await;
    assert!(set.is_err());
    drop(tx);
    world.timers.on(kind, again);
    assert!(world.timers.workers().is_err());
}

#[tokio::test]
async fn a_kind_has_one_handler_and_a_payload_an_end() {
    let world = World::new().await;
    let ctx = RequestContext::internal();
    let mut tx = world.store.begin(&ctx).await.unwrap();
    let large = "x".repeat(70_000);
    let set = tx.schedule(KIND, Uuid::nil(), world.at(0), &large).await;
    assert!(set.is_err());
    drop(tx);
    world.timers.on(KIND, again);
    assert!(world.timers.workers().is_err());
}

#[tokio::test]
async fn what_a_newer_version_set_waits_for_it() {
    let world = World::new().await;
    let ctx = RequestContext::internal();
    let mut tx = world.store.begin(&ctx).await.unwrap();
    let at = world.at(-1);
    tx.schedule("unknown", Uuid::nil(), at, &1).await.unwrap();
    tx.commit(()).await.unwrap();
    world.work().await;
    assert_eq!(
        count(&world.store.db, "t_timers WHERE attempt = 0").await,
        1
    );
    let values: Vec<Value> = vec![];
    world
        .store
        .db
        .execute("DELETE FROM t_timers", values)
        .await
        .unwrap();
}
