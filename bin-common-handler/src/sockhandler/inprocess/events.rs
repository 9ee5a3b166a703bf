//! Events within the process: published by who holds the lease, kept by who must not miss any, heard by who listens.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::{InProcess, matches};
use crate::{
    context::DeliveryInfo,
    failpoint,
    models::error::Result,
    sockhandler::{
        Collect, Incoming, Outgoing, PublisherLease, RETRIES, Receive, ReceivedEvent, Subscription,
    },
};

/// A durable subscription and what keeps its events.
#[derive(Clone)]
pub(super) struct Collector {
    pub subscription: Subscription,
    pub keeper: Arc<dyn Collect>,
}

impl Collector {
    /// Those of the events that it wants are written down, or none of them count as published.
    async fn take(&self, events: &[Outgoing]) -> Result<()> {
        let is_wanted = |event: &&Outgoing| {
            let patterns = &self.subscription.patterns;
            patterns
                .iter()
                .any(|pattern| matches(pattern, &event.routing_key))
        };
        let wanted: Vec<Incoming> = events.iter().filter(is_wanted).map(incoming).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        self.keeper.collect(wanted).await
    }
}

fn incoming(event: &Outgoing) -> Incoming {
    Incoming {
        trace: event.trace,
        routing_key: event.routing_key.clone(),
        message_id: event.message_id.clone(),
        version: Some(event.version),
        customer_id: event.customer_id,
        body: event.body.clone(),
    }
}

/// The right to publish one outbox's events within the process.
pub(super) struct InProcessLease {
    bus: InProcess,
    _permit: OwnedSemaphorePermit,
}

impl InProcessLease {
    /// The right lasts for as long as the permit is held.
    pub(super) const fn new(bus: InProcess, permit: OwnedSemaphorePermit) -> Self {
        Self {
            bus,
            _permit: permit,
        }
    }
}

#[async_trait]
impl PublisherLease for InProcessLease {
    async fn publish(&mut self, events: &[Outgoing]) -> Vec<bool> {
        // First who must not miss any: an event counts as published when each of them has written it down.
        let collectors = self.bus.collectors();
        for collector in &collectors {
            if let Err(error) = collector.take(events).await {
                let subscriber = &collector.subscription.name;
                warn!(subscriber, %error, "events were not taken, and are published again");
                return vec![false; events.len()];
            }
        }
        failpoint::reach("after_publish");
        for event in events {
            // Nobody listening is no failure.
            let _ = self.bus.0.events.send(Arc::new(event.clone()));
        }
        vec![true; events.len()]
    }

    fn is_held(&self) -> bool {
        true
    }

    async fn woken(&mut self) {
        std::future::pending().await
    }

    async fn forward(&mut self, queue: &str, _message_id: &str, body: Vec<u8>) -> bool {
        serde_json::from_slice(&body).is_ok_and(|request| {
            self.bus
                .put(queue, &request, DeliveryInfo::default())
                .is_ok()
        })
    }
}

/// Hands an event over; one that is not taken is tried again later, beside those that follow.
pub(super) async fn deliver(
    outgoing: &Outgoing,
    handler: &Arc<dyn Receive>,
    tracker: &TaskTracker,
) {
    let Ok(event) = serde_json::from_slice(&outgoing.body) else {
        return;
    };
    let received = ReceivedEvent {
        trace: outgoing.trace,
        event,
        routing_key: outgoing.routing_key.clone(),
        message_id: outgoing.message_id.clone(),
        version: Some(outgoing.version),
        customer_id: outgoing.customer_id,
    };
    if handler.receive(received.clone()).await.is_ok() {
        return;
    }
    let handler = Arc::clone(handler);
    tracker.spawn(async move {
        for pause in RETRIES {
            tokio::time::sleep(pause).await;
            if handler.receive(received.clone()).await.is_ok() {
                return;
            }
        }
        warn!(
            topic = received.routing_key,
            "event parked after its last retry"
        );
    });
}
