//! Events as chat-manager publishes them, at intended times, without chat-manager: what is measured is the bridge.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    clock::Clock,
    health::Health,
    ids,
    metrics::Metrics,
    redact::Secret,
    sockhandler::{Outgoing, PublisherLease, Transport, rabbitmq::RabbitMq},
};
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::world::World;
use crate::Result;

/// The field that says when an event was due, in microseconds.
pub(super) const AT: &str = "due_us";
/// Events that are due within this are published together.
const STEP: Duration = Duration::from_millis(5);

/// The right to publish, and for whom.
pub(super) struct Feed {
    lease: Box<dyn PublisherLease>,
    clock: Clock,
    customer_id: Uuid,
}

impl Feed {
    pub(super) async fn new(world: &World) -> Result<Self> {
        let clock = Clock::default();
        let bus = RabbitMq::new(
            Secret::new(&world.broker),
            clock.clone(),
            Metrics::new()?,
            Health::default(),
        );
        let bus: Arc<dyn Transport> = Arc::new(bus);
        let name = format!("bench-{}", ids::next().simple());
        Ok(Self {
            lease: bus.lease(&name, "bench").await?,
            clock,
            customer_id: world.customer().parse()?,
        })
    }

    /// So many a second, each for another queue; how many there were.
    pub(super) async fn each(
        &mut self,
        queues: &[String],
        per_second: f64,
        span: Duration,
    ) -> Result<usize> {
        let (began, begins) = (Instant::now(), self.clock.now());
        let gap = Duration::from_secs_f64(1.0 / per_second);
        let mut queues = queues.iter().cycle();
        let (mut due, mut told) = (Duration::ZERO, 0);
        while due < span {
            // As a relay does: what became due while the broker confirmed goes with the next ones.
            let until = due.max(began.elapsed()) + STEP;
            let mut events = Vec::new();
            while due < until.min(span) {
                let queue = queues.next().ok_or("no queues")?;
                let data = json!({"queue_id": queue, AT: begins.plus(due).micros()});
                events.push(self.event("queueentry", &data));
                due += gap;
            }
            // What is due last in this step says when it is published.
            sleep_until(began + due).await;
            told += self.publish(&events).await?;
        }
        Ok(told)
    }

    /// One for everybody.
    pub(super) async fn all(&mut self) -> Result<()> {
        let now = self.clock.now();
        let event = self.event("presence", &json!({AT: now.micros()}));
        self.publish(&[event]).await.map(drop)
    }

    async fn publish(&mut self, events: &[Outgoing]) -> Result<usize> {
        let confirmed = self.lease.publish(events).await;
        if confirmed.iter().all(|is_there| *is_there) {
            Ok(events.len())
        } else {
            Err("the broker did not take the events".into())
        }
    }

    fn event(&self, kind: &str, data: &serde_json::Value) -> Outgoing {
        let name = bin_chat_manager::NAME;
        let body = json!({
            "type": format!("{kind}_updated"), "publisher": name,
            "data_type": "application/json", "data": data,
        });
        let id = ids::next();
        Outgoing {
            routing_key: format!("{name}.{kind}.{id}.updated"),
            message_id: id.to_string(),
            version: 1,
            customer_id: Some(self.customer_id),
            trace: None,
            body: body.to_string().into_bytes(),
        }
    }
}
