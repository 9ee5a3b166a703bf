//! A window of events: published, confirmed, and only then deleted.

use tokio_util::sync::CancellationToken;
use tracing::error;

use super::Relay;
use crate::{
    failpoint,
    models::error::Result,
    notifyhandler::outbox::Waiting,
    sockhandler::{Outgoing, PublisherLease, request_queue},
};

/// Events published before their confirms are awaited.
pub(super) const WINDOW: usize = 256;
/// A larger event is parked: brokers refuse 128 MiB, and listeners far less.
pub(super) const EVENT_MAX: usize = 16 * 1024 * 1024;

impl Relay {
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
}

/// What became of a window.
struct Sent {
    confirmed: Vec<Waiting>,
    unconfirmed: u64,
}
