//! The relay: of all replicas on one outbox, one publishes, in order, and deletes only what was confirmed
//! before the first gap.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{
    Waker,
    outbox::{Outbox, Waiting},
};
use crate::{
    backoff::Backoff,
    clock::Clock,
    databasehandler::Store,
    failpoint,
    metrics::{ManagerMetrics, Metrics},
    models::{error::Result, time::Timestamp},
    sockhandler::{Outgoing, PublisherLease, Transport, request_queue},
};

/// Events published before their confirms are awaited.
const WINDOW: usize = 256;
/// Poll interval when no wake-up comes.
const SWEEP: Duration = Duration::from_secs(1);
/// How often a replica without the lease tries to get it.
const CLAIM_PAUSE: Duration = Duration::from_secs(1);
/// Wake-ups by a replica without the lease are at least this far apart.
const RING_PAUSE: Duration = Duration::from_millis(2);
/// The relay's rest between two looks at the outbox, so that under load one look, and one commit that empties
/// it, serves many changes. A wake-up after it is served at once.
const COMPANY: Duration = Duration::from_millis(5);
/// A larger event is parked: brokers refuse 128 MiB, and listeners far less.
const EVENT_MAX: usize = 16 * 1024 * 1024;
/// How long a stopping relay goes on publishing what waits.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// The figures that the relay keeps.
#[derive(Clone)]
pub struct RelayMetrics {
    /// Shared by all managers.
    pub common: Metrics,
    /// Under voipbin's names.
    pub manager: ManagerMetrics,
}

/// Carries one manager's events to the bus.
pub struct Relay {
    outbox: Outbox,
    waker: Arc<Waker>,
    clock: Clock,
    transport: Arc<dyn Transport>,
    metrics: RelayMetrics,
    publisher: &'static str,
    forwards_webhooks: bool,
}

impl Relay {
    /// The relay of `publisher`, whose outbox `store` fills and whose `waker` its commits wake.
    pub fn new(
        store: &Store,
        waker: Arc<Waker>,
        transport: Arc<dyn Transport>,
        metrics: RelayMetrics,
        publisher: &'static str,
        forwards_webhooks: bool,
    ) -> Self {
        Self {
            outbox: Outbox::new(store.db.clone(), store.prefix()),
            waker,
            clock: store.clock.clone(),
            transport,
            metrics,
            publisher,
            forwards_webhooks,
        }
    }

    /// Publishes until `stop`, then what still waits if this replica holds the lease.
    pub async fn run(self, database_id: String, stop: CancellationToken) {
        tokio::select! {
            () = self.publish(&database_id, &stop) => {}
            () = self.measure_always() => {}
        }
    }

    async fn publish(&self, database_id: &str, stop: &CancellationToken) {
        let mut backoff = Backoff::default();
        while !stop.is_cancelled() {
            let claimed = tokio::select! {
                () = stop.cancelled() => return,
                claimed = self.transport.lease(self.publisher, database_id) => claimed,
            };
            match claimed {
                Ok(mut lease) => {
                    info!(publisher = self.publisher, "publishing events");
                    if self.publish_until_lost(&mut *lease, stop).await {
                        backoff.reset();
                    }
                    drop(lease);
                    // A bus that refuses at once is not asked again at once.
                    self.ring_for(backoff.next_pause(), database_id, stop).await;
                }
                Err(fault) => {
                    let held_elsewhere = fault.reason() == "RELAY_HELD";
                    debug!(publisher = self.publisher, %fault, "no publisher lease yet");
                    let pause = if held_elsewhere {
                        CLAIM_PAUSE
                    } else {
                        backoff.next_pause()
                    };
                    self.ring_for(pause, database_id, stop).await;
                }
            }
        }
    }

    /// Without the lease, passes each wake-up on to the replica that holds it.
    async fn ring_for(&self, pause: Duration, database_id: &str, stop: &CancellationToken) {
        let end = tokio::time::Instant::now() + pause;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(end) => return,
                () = self.waker.woken() => {
                    self.transport.wake(self.publisher, database_id).await;
                    tokio::time::sleep(RING_PAUSE).await;
                }
            }
        }
    }

    /// True when it published anything, or had nothing to, before it lost the lease.
    async fn publish_until_lost(
        &self,
        lease: &mut dyn PublisherLease,
        stop: &CancellationToken,
    ) -> bool {
        let mut backoff = Backoff::default();
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut worked = false;
        while lease.is_held() {
            match self.drain(lease, stop).await {
                Ok(true) => {
                    worked = true;
                    backoff.reset();
                }
                Ok(false) => break,
                Err(fault) => {
                    warn!(publisher = self.publisher, %fault, "outbox cannot be read");
                    tokio::time::sleep(backoff.next_pause()).await;
                }
            }
            tokio::time::sleep(COMPANY).await;
            tokio::select! {
                () = stop.cancelled() => {
                    let _ = tokio::time::timeout(DRAIN_MAX, self.drain(lease, &CancellationToken::new())).await;
                    return worked;
                }
                () = self.waker.woken() => {}
                () = lease.woken() => {}
                _ = sweep.tick() => {}
            }
        }
        warn!(
            publisher = self.publisher,
            "lost the right to publish events, or its confirms"
        );
        worked
    }

    /// Publishes everything that waits; false when something was not confirmed. Other replicas may add more
    /// for as long as it runs, so `stop` ends it after a window.
    pub(crate) async fn drain(
        &self,
        lease: &mut dyn PublisherLease,
        stop: &CancellationToken,
    ) -> Result<bool> {
        loop {
            let waiting = self.outbox.oldest(WINDOW).await?;
            let Some(first) = waiting.first() else {
                return Ok(true);
            };
            if let Err(reason) = self.prepare(first) {
                self.park(first, &reason).await?;
                continue;
            }
            let sent = self.publish_window(lease, &waiting).await;
            failpoint::reach("before_outbox_delete");
            self.outbox.remove(&sent.confirmed).await?;
            self.count(&sent.confirmed);
            if sent.unconfirmed > 0 {
                let repeated = self
                    .metrics
                    .common
                    .events
                    .with_label_values(&[self.publisher, "repeated"]);
                repeated.inc_by(sent.unconfirmed);
                return Ok(false);
            }
            let is_all = sent.confirmed.len() == waiting.len();
            if stop.is_cancelled() || (is_all && waiting.len() < WINDOW) {
                return Ok(true);
            }
        }
    }

    /// Only what is confirmed before the first gap counts: confirms come out of order, and deleting whatever
    /// is confirmed would let an older state of an entity come last.
    async fn publish_window(&self, lease: &mut dyn PublisherLease, waiting: &[Waiting]) -> Sent {
        // An event that cannot be published ends the window; it then stands first, and is parked.
        let outgoing: Vec<_> = waiting
            .iter()
            .map_while(|event| self.prepare(event).ok())
            .collect();
        let results = lease.publish(&outgoing).await;
        let mut count = results.iter().take_while(|ok| **ok).count();
        if self.forwards_webhooks {
            count = self
                .forward(lease, waiting.get(..count).unwrap_or_default())
                .await;
        }
        // Whoever has the lease by now may be sending these events again, and may die at it: then the rest of
        // them must still be there, or an older one was told last.
        if !lease.is_held() {
            count = 0;
        }
        let confirmed = waiting.get(..count).unwrap_or_default().to_vec();
        Sent {
            confirmed,
            unconfirmed: outgoing.len().saturating_sub(count) as u64,
        }
    }

    async fn park(&self, event: &Waiting, reason: &str) -> Result<()> {
        error!(publisher = self.publisher, event = %event.event_id, reason, "event parked");
        self.metrics
            .common
            .events
            .with_label_values(&[self.publisher, "parked"])
            .inc();
        self.outbox.park(event, reason).await
    }

    fn prepare(&self, event: &Waiting) -> Result<Outgoing, String> {
        if event.data.len() > EVENT_MAX {
            return Err(format!(
                "{} bytes are more than {EVENT_MAX}",
                event.data.len()
            ));
        }
        event
            .to_outgoing(self.publisher)
            .map_err(|error| error.to_string())
    }

    /// How many events from the front the webhook service's queue has taken too.
    async fn forward(&self, lease: &mut dyn PublisherLease, events: &[Waiting]) -> usize {
        let queue = request_queue("webhook-manager");
        for (position, event) in events.iter().enumerate() {
            let Some(request) = event.to_webhook(self.publisher) else {
                continue;
            };
            let Ok(body) = serde_json::to_vec(&request) else {
                continue;
            };
            if !lease
                .forward(&queue, &event.event_id.to_string(), body)
                .await
            {
                return position;
            }
        }
        events.len()
    }

    fn count(&self, done: &[Waiting]) {
        let now = self.clock.now();
        for event in done {
            let kind = [event.kind.as_str()];
            self.metrics
                .common
                .events
                .with_label_values(&[self.publisher, "published"])
                .inc();
            self.metrics
                .manager
                .notify_total
                .with_label_values(&kind)
                .inc();
            self.metrics
                .manager
                .notify_ms
                .with_label_values(&kind)
                .observe(age_ms(now, event.tm_create));
        }
    }

    /// Whoever publishes, and when nobody can: that is when the outbox grows.
    async fn measure_always(&self) {
        loop {
            self.measure().await;
            tokio::time::sleep(SWEEP).await;
        }
    }

    async fn measure(&self) {
        let Ok((depth, oldest)) = self.outbox.depth().await else {
            return;
        };
        let age = oldest.map_or(0.0, |oldest| age_ms(self.clock.now(), oldest));
        self.metrics
            .common
            .outbox_depth
            .with_label_values(&[self.publisher])
            .set(depth);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an age in milliseconds is far below i64's end"
        )]
        self.metrics
            .common
            .outbox_oldest_ms
            .with_label_values(&[self.publisher])
            .set(age as i64);
    }
}

/// What became of a window.
struct Sent {
    confirmed: Vec<Waiting>,
    unconfirmed: u64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of an age fit 52 bits"
)]
fn age_ms(now: Timestamp, then_micros: i64) -> f64 {
    (now.micros().saturating_sub(then_micros)).max(0) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use uuid::Uuid;

    use super::*;
    use crate::{
        cachehandler::Cache,
        databasehandler::{Db, Value, scratch},
        ids,
        notifyhandler::outbox,
        sockhandler::{MockPublisherLease, inprocess::InProcess},
    };

    fn relay(db: &Db) -> Relay {
        let (waker, clock) = (Arc::<Waker>::default(), Clock::default());
        let store = Store::new(
            db.clone(),
            clock,
            Cache::local(),
            Arc::clone(&waker),
            "t",
            "test-manager",
        );
        let common = Metrics::new().unwrap();
        let manager = common.for_manager("test-manager").unwrap();
        Relay::new(
            &store,
            waker,
            Arc::new(InProcess::default()),
            RelayMetrics { common, manager },
            "test-manager",
            false,
        )
    }

    /// Changes of one entity, one event each; their ids in order.
    async fn commit(db: &Db, bodies: &[String]) -> Vec<String> {
        let mut event_ids = Vec::new();
        for (version, body) in (1..).zip(bodies) {
            let id = ids::next();
            let values = vec![
                id.into(),
                "thing_updated".into(),
                Uuid::from_u128(7).into(),
                Uuid::nil().into(),
                Value::Int(version),
                body.as_str().into(),
                Value::Int(0),
            ];
            db.execute(&outbox::insert("t", 1), values).await.unwrap();
            event_ids.push(id.to_string());
        }
        event_ids
    }

    async fn commit_small(db: &Db, count: usize) -> Vec<String> {
        commit(db, &vec!["{}".to_owned(); count]).await
    }

    async fn left(db: &Db) -> Vec<String> {
        let waiting = Outbox::new(db.clone(), "t").oldest(1_000).await.unwrap();
        waiting
            .iter()
            .map(|event| event.event_id.to_string())
            .collect()
    }

    /// A lease that answers each window with the next of `confirms` (all, when they are used up), and the
    /// ids it was given.
    fn lease(confirms: Vec<Vec<bool>>) -> (MockPublisherLease, Arc<Mutex<Vec<Vec<String>>>>) {
        let windows = Arc::new(Mutex::new(Vec::new()));
        let (mut lease, seen) = (MockPublisherLease::new(), Arc::clone(&windows));
        let mut confirms = confirms.into_iter();
        lease.expect_is_held().return_const(true);
        lease
            .expect_publish()
            .returning(move |events: &[Outgoing]| {
                let ids = events.iter().map(|event| event.message_id.clone());
                seen.lock().unwrap().push(ids.collect());
                confirms.next().unwrap_or_else(|| vec![true; events.len()])
            });
        (lease, windows)
    }

    #[tokio::test]
    async fn only_what_is_confirmed_before_the_first_gap_is_removed() {
        let (db, _dir) = scratch::database().await;
        let ids = commit_small(&db, 5).await;
        let (mut lease, windows) = lease(vec![vec![true, true, false, true, true]]);
        let relay = relay(&db);
        assert!(
            !relay
                .drain(&mut lease, &CancellationToken::new())
                .await
                .unwrap()
        );
        assert_eq!(
            left(&db).await,
            ids[2..],
            "confirmed after the gap is not done"
        );
        assert!(
            relay
                .drain(&mut lease, &CancellationToken::new())
                .await
                .unwrap()
        );
        assert_eq!(left(&db).await, [""; 0]);
        let windows = windows.lock().unwrap();
        assert_eq!(
            *windows,
            [ids.clone(), ids[2..].to_vec()],
            "the same ids again, in order"
        );
    }

    #[tokio::test]
    async fn nothing_confirmed_is_nothing_removed() {
        let (db, _dir) = scratch::database().await;
        let ids = commit_small(&db, 3).await;
        let (mut lease, _) = lease(vec![vec![false, true, true], vec![false; 3]]);
        let relay = relay(&db);
        for _ in 0..2 {
            assert!(
                !relay
                    .drain(&mut lease, &CancellationToken::new())
                    .await
                    .unwrap()
            );
            assert_eq!(left(&db).await, ids);
        }
    }

    #[tokio::test]
    async fn what_waits_is_measured_while_somebody_else_may_publish() {
        let (db, _dir) = scratch::database().await;
        commit_small(&db, 3).await;
        let relay = relay(&db);
        let gauge = relay.metrics.common.outbox_depth.clone();
        let transport = Arc::clone(&relay.transport);
        let _held = transport.lease("test-manager", "one").await.unwrap();
        let measured = async {
            while gauge.with_label_values(&["test-manager"]).get() != 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            () = relay.run("one".to_owned(), CancellationToken::new()) => panic!("it ended"),
            in_time = tokio::time::timeout(DRAIN_MAX, measured) => in_time.unwrap(),
        }
    }

    #[tokio::test]
    async fn many_windows_leave_in_order() {
        let (db, _dir) = scratch::database().await;
        let ids = commit_small(&db, WINDOW + 3).await;
        let (mut lease, windows) = lease(vec![]);
        assert!(
            relay(&db)
                .drain(&mut lease, &CancellationToken::new())
                .await
                .unwrap()
        );
        assert_eq!(windows.lock().unwrap().concat(), ids);
        assert_eq!(left(&db).await, [""; 0]);
    }

    #[tokio::test]
    async fn an_event_too_large_is_parked_and_those_behind_it_go_on() {
        let (db, _dir) = scratch::database().await;
        let large = format!("\"{}\"", "x".repeat(EVENT_MAX));
        let bodies = ["{}".to_owned(), large, "{}".to_owned()];
        let ids = commit(&db, &bodies).await;
        let (mut lease, windows) = lease(vec![]);
        assert!(
            relay(&db)
                .drain(&mut lease, &CancellationToken::new())
                .await
                .unwrap()
        );
        let windows = windows.lock().unwrap().concat();
        assert_eq!(windows, [ids[0].clone(), ids[2].clone()]);
        assert_eq!(left(&db).await, [""; 0]);
        let parked = Outbox::new(db.clone(), "t").parked().await;
        assert_eq!(parked, [ids[1].clone()]);
    }
}
