//! One message on its way: its turn, its work, its reply, its acknowledgement.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use lapin::{
    Acker, BasicProperties,
    message::Delivery,
    options::{BasicAckOptions, BasicNackOptions, BasicPublishOptions},
};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};
use uuid::Uuid;

use super::{
    Inner,
    connection::{Fault, WRITE_MAX, limit_to},
    post,
};
use crate::{
    backoff::Backoff,
    call::Travel,
    failpoint,
    models::{sock::Response, time::Timestamp},
    sockhandler::{
        DRAIN_MAX, Delivered, Serve,
        gate::{Gate, Turn, Waits, busy, tenant_of},
    },
};

/// Replies are tried this often while the reply connection comes back.
const REPLY_ATTEMPTS: u32 = 3;

/// Everything that one message's work needs.
pub(super) struct Work {
    pub(super) inner: Arc<Inner>,
    pub(super) name: String,
    pub(super) queue: String,
    pub(super) handler: Arc<dyn Serve>,
    /// It was consumed before, so it has to be there.
    pub(super) was_consumed: AtomicBool,
}

/// A message that waits for its turn.
pub(super) struct Ready {
    delivery: Delivery,
    reply_to: String,
    tenant: Option<Uuid>,
    was_waiting: bool,
    /// Counted from when it came: the wait for its turn counts.
    deadline: Option<Timestamp>,
}

impl Ready {
    pub(super) fn new(work: &Work, delivery: Delivery, was_waiting: bool) -> Self {
        Self {
            reply_to: text(delivery.properties.reply_to().as_ref()),
            tenant: tenant_of(&delivery.data),
            deadline: deadline(work, &delivery),
            was_waiting,
            delivery,
        }
    }
}

impl Waits for Ready {
    fn tenant(&self) -> Option<Uuid> {
        self.tenant
    }

    fn can_be_refused(&self) -> bool {
        !self.reply_to.is_empty()
    }
}

/// The messages of one life of the consumer.
pub(super) struct Line {
    pub(super) work: Arc<Work>,
    pub(super) gate: Arc<Gate<Ready>>,
    pub(super) tracker: TaskTracker,
}

impl Line {
    pub(super) fn new(work: &Arc<Work>) -> Self {
        Self {
            work: Arc::clone(work),
            gate: Arc::default(),
            tracker: TaskTracker::new(),
        }
    }

    /// One came.
    pub(super) fn take(&self, delivery: Delivery, was_waiting: bool) {
        let work = Arc::clone(&self.work);
        let ready = Ready::new(&work, delivery, was_waiting);
        match self.gate.arrive(ready, Instant::now()) {
            Turn::Now(ready) => {
                let gate = Arc::clone(&self.gate);
                self.tracker.spawn(work_on_all(work, gate, ready));
            }
            Turn::Later => {}
            Turn::Refuse(ready) => {
                self.tracker.spawn(refuse(work, ready));
            }
        }
    }

    /// Some time went by.
    pub(super) fn look(&self) {
        for ready in self.gate.look(Instant::now()) {
            self.tracker.spawn(refuse(Arc::clone(&self.work), ready));
        }
    }

    /// Everything that came is served, or as much as there is time for.
    pub(super) async fn finish(&self) {
        self.tracker.close();
        let served = tokio::time::timeout(DRAIN_MAX, self.tracker.wait());
        if served.await.is_err() {
            warn!(
                queue = self.work.queue,
                unfinished = self.tracker.len(),
                "handing requests back to the broker"
            );
        }
    }
}

/// One after the other, until nobody waits.
async fn work_on_all(work: Arc<Work>, gate: Arc<Gate<Ready>>, ready: Ready) {
    let mut turn = Some(ready);
    while let Some(ready) = turn {
        work_on(&work, ready).await;
        turn = gate.next();
    }
}

/// Says that there is no room. Cheap: the body is not even read.
async fn refuse(work: Arc<Work>, ready: Ready) {
    let metrics = &work.inner.metrics;
    metrics
        .dropped
        .with_label_values(&[&work.name, "busy"])
        .inc();
    let correlation_id = correlation_id(&ready.delivery);
    let is_settled = reply(&work, &ready.reply_to, correlation_id, &busy(&work.name)).await;
    settle(&work, &ready.delivery.acker, is_settled).await;
}

fn correlation_id(delivery: &Delivery) -> Option<String> {
    let id = delivery.properties.correlation_id().as_ref();
    id.map(|id| id.as_str().to_owned())
}

pub(super) async fn work_on(work: &Work, ready: Ready) {
    let Ready {
        delivery,
        reply_to,
        was_waiting,
        deadline,
        ..
    } = ready;
    let correlation_id = correlation_id(&delivery);
    let posted = post::is_posted(&delivery).then(|| delivery.data.clone());
    let delivered = Delivered {
        travel: Travel {
            reply_to: reply_to.clone(),
            correlation_id: correlation_id.clone().unwrap_or_default(),
            message_id: text(delivery.properties.message_id().as_ref()),
            redelivered: delivery.redelivered,
        },
        deadline,
        maybe_late: was_waiting || delivery.redelivered,
        body: delivery.data,
    };
    let (acker, properties) = (delivery.acker, delivery.properties);
    let response = work.handler.serve(delivered, &*work.inner).await;
    failpoint::reach("before_reply");
    let is_settled = match (response, posted) {
        (response, Some(body)) => {
            !post::is_worth_another_try(response.as_ref())
                || post::try_later(&work.inner, &work.name, &work.queue, &properties, &body).await
        }
        (Some(response), None) if !reply_to.is_empty() => {
            reply(work, &reply_to, correlation_id, &response).await
        }
        _ => true,
    };
    failpoint::reach("before_ack");
    settle(work, &acker, is_settled).await;
}

async fn settle(work: &Work, acker: &Acker, is_settled: bool) {
    // An unsent reply goes back to the queue: the inbox knows the answer when it comes again.
    let settled = if is_settled {
        limit_to(WRITE_MAX, acker.ack(BasicAckOptions::default())).await
    } else {
        let requeue = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        limit_to(WRITE_MAX, acker.nack(requeue)).await
    };
    if let Err(fault) = settled {
        debug!(queue = work.queue, %fault, "acknowledgement not sent, the request will come again");
    }
}

fn text(property: Option<&lapin::types::ShortString>) -> String {
    property
        .map(|text| text.as_str().to_owned())
        .unwrap_or_default()
}

/// The header `x-deadline` (Unix ms), else the expiration counted from now.
fn deadline(work: &Work, delivery: &Delivery) -> Option<Timestamp> {
    use lapin::types::AMQPValue;
    let header = delivery
        .properties
        .headers()
        .as_ref()
        .and_then(|headers| headers.inner().get("x-deadline"));
    let at_ms = match header {
        Some(AMQPValue::LongLongInt(ms)) => Some(*ms),
        Some(AMQPValue::LongInt(ms)) => Some(i64::from(*ms)),
        Some(AMQPValue::LongString(ms)) => ms.to_string().parse().ok(),
        _ => None,
    };
    if let Some(ms) = at_ms {
        return Some(Timestamp::from_micros(ms.saturating_mul(1_000)));
    }
    let expiration: u64 = text(delivery.properties.expiration().as_ref())
        .parse()
        .ok()?;
    Some(
        work.inner
            .clock
            .now()
            .plus(Duration::from_millis(expiration)),
    )
}

/// True when the reply was written, or can never be.
async fn reply(
    work: &Work,
    reply_to: &str,
    correlation_id: Option<String>,
    response: &Response,
) -> bool {
    if reply_to == work.queue {
        work.inner
            .metrics
            .dropped
            .with_label_values(&[&work.name, "reply_loop"])
            .inc();
        return true;
    }
    let Ok(body) = serde_json::to_vec(response) else {
        return true;
    };
    let mut properties = BasicProperties::default().with_content_type("text/plain".into());
    if let Some(id) = correlation_id {
        properties = properties.with_correlation_id(id.into());
    }
    let mut backoff = Backoff::default();
    for _ in 0..REPLY_ATTEMPTS {
        let sent = async {
            let channel = work.inner.talk.channel().await?;
            let options = BasicPublishOptions::default();
            limit_to(
                WRITE_MAX,
                channel.basic_publish(
                    "".into(),
                    reply_to.into(),
                    options,
                    &body,
                    properties.clone(),
                ),
            )
            .await
        };
        match sent.await {
            Ok(_) => return true,
            Err(Fault::Timeout) => break,
            Err(_) => tokio::time::sleep(backoff.next_pause()).await,
        }
    }
    work.inner.talk.reset().await;
    work.inner
        .metrics
        .replies_failed
        .with_label_values(&[&work.name])
        .inc();
    false
}
