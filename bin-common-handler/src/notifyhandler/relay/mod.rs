//! The relay: of all replicas on one outbox, one publishes, in order, and deletes only what was confirmed
//! before the first gap.

mod figures;
#[cfg(test)]
mod tests;
mod window;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub use self::figures::RelayMetrics;
use super::{Waker, outbox::Outbox};
use crate::{
    backoff::Backoff,
    clock::Clock,
    databasehandler::Store,
    sockhandler::{PublisherLease, Transport},
};

/// Poll interval when no wake-up comes.
const SWEEP: Duration = Duration::from_secs(1);
/// How often a replica without the lease tries to get it.
const CLAIM_PAUSE: Duration = Duration::from_secs(1);
/// Wake-ups by a replica without the lease are at least this far apart.
const RING_PAUSE: Duration = Duration::from_millis(2);
/// The relay's rest between two looks at the outbox, so that under load one look, and one commit that empties
/// it, serves many changes. A wake-up after it is served at once.
const COMPANY: Duration = Duration::from_millis(5);
/// How long a stopping relay goes on publishing what waits.
const DRAIN_MAX: Duration = Duration::from_secs(5);

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
}
