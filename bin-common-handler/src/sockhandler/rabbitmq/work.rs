//! One message on its way: its turn, its work.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use lapin::{Channel, message::Delivery};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::task::TaskTracker;
use tracing::warn;
use uuid::Uuid;

use super::{
    Inner,
    acks::{Done, Reply, acknowledger},
    post, retry, unreadable,
};
use crate::{
    context::DeliveryInfo,
    failpoint,
    models::time::Timestamp,
    sockhandler::{
        DRAIN_MAX, Delivered, Serve,
        admission::{Admission, AdmissionQueue, Queued, tenant_of},
    },
};

/// Everything that one message's work needs.
pub(super) struct Work {
    pub(super) inner: Arc<Inner>,
    pub(super) name: String,
    pub(super) queue: String,
    pub(super) handler: Arc<dyn Serve>,
    /// It was consumed before, so it has to be there.
    pub(super) was_consumed: AtomicBool,
    /// What those are told who find no room.
    pub(super) busy: Arc<[u8]>,
}

/// A message that waits for its turn.
pub(super) struct PendingRequest {
    pub(super) delivery: Delivery,
    reply_to: String,
    tenant: Option<Uuid>,
    was_waiting: bool,
    /// Counted from when it came: the wait for its turn counts.
    deadline: Option<Timestamp>,
}

impl PendingRequest {
    pub(super) fn new(work: &Work, delivery: Delivery, was_waiting: bool) -> Self {
        Self {
            reply_to: text(delivery.properties.reply_to().as_ref()),
            tenant: tenant_of(&delivery.data),
            deadline: deadline(work, &delivery),
            was_waiting,
            delivery,
        }
    }

    /// `body`, if its sender waits for something.
    pub(super) fn reply_with(&self, body: Arc<[u8]>) -> Option<Reply> {
        self.can_be_refused().then(|| Reply {
            to: self.reply_to.clone(),
            correlation_id: correlation_id(&self.delivery),
            headers: unreadable::reply_headers(&self.delivery.properties),
            body,
        })
    }
}

impl Queued for PendingRequest {
    fn tenant(&self) -> Option<Uuid> {
        self.tenant
    }

    fn can_be_refused(&self) -> bool {
        !self.reply_to.is_empty()
    }
}

/// Serves the requests of one consumer, from its start to its end.
pub(super) struct RequestConsumer {
    pub(super) work: Arc<Work>,
    pub(super) admission: Arc<AdmissionQueue<PendingRequest>>,
    pub(super) tracker: TaskTracker,
    done: mpsc::Sender<Done>,
}

impl RequestConsumer {
    pub(super) fn new(work: &Arc<Work>, channel: &Channel) -> Self {
        let (done, acknowledger) = acknowledger(work, channel);
        let tracker = TaskTracker::new();
        tracker.spawn(acknowledger);
        Self {
            work: Arc::clone(work),
            admission: Arc::default(),
            tracker,
            done,
        }
    }

    /// Admits, queues or refuses a delivery.
    pub(super) fn on_delivery(&self, delivery: Delivery, was_waiting: bool) {
        let pending = PendingRequest::new(&self.work, delivery, was_waiting);
        match self.admission.arrive(pending, Instant::now()) {
            Admission::Now(pending) => {
                let (work, admission) = (Arc::clone(&self.work), Arc::clone(&self.admission));
                let served = work_on_all(work, admission, pending, self.done.clone());
                self.tracker.spawn(served);
            }
            Admission::Later => {}
            Admission::Refuse(pending) => self.refuse(pending),
        }
    }

    /// Each [`TICK_PERIOD`](crate::sockhandler::admission::TICK_PERIOD): refuses what waited too long.
    pub(super) fn tick(&self) {
        for pending in self.admission.tick(Instant::now()) {
            self.refuse(pending);
        }
    }

    /// Says that there is no room. Cheap: the body is not even read.
    fn refuse(&self, pending: PendingRequest) {
        let metrics = &self.work.inner.metrics;
        let labels = [self.work.name.as_str(), "busy"];
        metrics.dropped.with_label_values(&labels).inc();
        let body = Arc::clone(&self.work.busy);
        // There is room for all that the broker hands over.
        let _ = self.done.try_send(Done {
            tag: pending.delivery.delivery_tag,
            reply: pending.reply_with(body),
            requeue: false,
        });
    }

    /// Everything that came is served, or as much as there is time for.
    pub(super) async fn finish(self) {
        let Self {
            work,
            tracker,
            done,
            ..
        } = self;
        drop(done);
        tracker.close();
        let served = tokio::time::timeout(DRAIN_MAX, tracker.wait());
        if served.await.is_err() {
            warn!(
                queue = work.queue,
                unfinished = tracker.len(),
                "handing requests back to the broker"
            );
        }
    }
}

/// One after the other, until nobody waits.
async fn work_on_all(
    work: Arc<Work>,
    admission: Arc<AdmissionQueue<PendingRequest>>,
    pending: PendingRequest,
    acknowledger: mpsc::Sender<Done>,
) {
    let mut turn = Some(pending);
    while let Some(pending) = turn {
        let done = work_on(&work, pending).await;
        // The acknowledger outlives all senders.
        let _ = acknowledger.send(done).await;
        turn = admission.next();
    }
}

fn correlation_id(delivery: &Delivery) -> Option<String> {
    let id = delivery.properties.correlation_id().as_ref();
    id.map(|id| id.as_str().to_owned())
}

/// Serves one message; what is left to do about it.
pub(super) async fn work_on(work: &Work, pending: PendingRequest) -> Done {
    if let Some(names) = unreadable::names(&pending.delivery.properties) {
        // Boxed, as it is seldom.
        return Box::pin(unreadable::refuse(work, pending, &names)).await;
    }
    let PendingRequest {
        delivery,
        reply_to,
        was_waiting,
        deadline,
        ..
    } = pending;
    let correlation_id = correlation_id(&delivery);
    let posted = post::is_posted(&delivery).then(|| delivery.data.clone());
    let delivered = Delivered {
        delivery_info: DeliveryInfo {
            reply_to: reply_to.clone(),
            correlation_id: correlation_id.clone().unwrap_or_default(),
            message_id: text(delivery.properties.message_id().as_ref()),
            redelivered: delivery.redelivered,
            trace: retry::trace(&delivery.properties),
        },
        deadline,
        maybe_late: was_waiting || delivery.redelivered,
        encoding: text(delivery.properties.content_encoding().as_ref()),
        body: delivery.data,
    };
    let (tag, properties) = (delivery.delivery_tag, delivery.properties);
    let response = work.handler.serve(delivered, &*work.inner).await;
    failpoint::reach("before_reply");
    let mut done = Done {
        tag,
        reply: None,
        requeue: false,
    };
    match (response, posted) {
        (response, Some(body)) if post::is_worth_another_try(response.as_ref()) => {
            let queue = &work.queue;
            // Boxed, as it is seldom.
            let is_kept = Box::pin(post::try_later(
                &work.inner,
                &work.name,
                queue,
                &properties,
                &body,
            ));
            done.requeue = !is_kept.await;
        }
        (Some(response), None) if !reply_to.is_empty() => {
            done.reply = serde_json::to_vec(&response).ok().map(|body| Reply {
                to: reply_to,
                correlation_id,
                headers: None,
                body: body.into(),
            });
        }
        _ => {}
    }
    done
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
