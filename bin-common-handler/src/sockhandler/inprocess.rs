//! The transport inside one process: the same promises, bounded queues, no broker.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;
use uuid::Uuid;

use super::{
    Collect, DRAIN_MAX, Delivered, Incoming, Live, Outgoing, Probe, PublisherLease, RETRIES,
    Receive, ReceivedEvent, Serve, Subscription, Transport,
    admission::{Admission, AdmissionQueue, HELD_MAX, Queued, TICK_PERIOD, busy},
};
use crate::{
    context::DeliveryInfo,
    failpoint,
    health::{Health, State},
    ids,
    models::{
        error::{Error, NOT_SERVED, Result, Status},
        sock::{Request, Response},
    },
};

/// Requests that may wait in one queue.
const QUEUE_MAX: usize = 1_024;
/// Events that a slow listener may lag behind before it is told that it missed some.
const EVENTS_MAX: usize = 16_384;

/// The bus of one process. Clones share it.
#[derive(Clone)]
pub struct InProcess(Arc<Inner>);

struct Inner {
    queues: Mutex<HashMap<String, mpsc::Sender<Letter>>>,
    events: broadcast::Sender<Arc<Outgoing>>,
    leases: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// By the name of their subscription; they stay until the process ends, as a broker's durable queues do.
    collectors: Mutex<BTreeMap<String, Collector>>,
    tracker: TaskTracker,
}

/// A durable subscription and what keeps its events.
#[derive(Clone)]
struct Collector {
    subscription: Subscription,
    keeper: Arc<dyn Collect>,
}

impl Collector {
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

struct Letter {
    delivered: Delivered,
    reply: oneshot::Sender<Response>,
    tenant: Option<Uuid>,
}

impl Letter {
    fn wants_reply(&self) -> bool {
        !self.delivered.delivery_info.reply_to.is_empty()
    }

    /// Its caller gave up.
    fn is_late(&self) -> bool {
        self.wants_reply() && self.reply.is_closed()
    }
}

/// A letter that was taken out of its queue.
struct Held {
    letter: Letter,
    _place: OwnedSemaphorePermit,
}

impl Held {
    fn refuse(self, name: &str) {
        let _ = self.letter.reply.send(busy(name));
    }
}

/// The next letter, once there is a place for it; nothing when there will be none.
async fn next(letters: &mut mpsc::Receiver<Letter>, places: &Arc<Semaphore>) -> Option<Held> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    let letter = letters.recv().await?;
    Some(Held {
        letter,
        _place: place,
    })
}

impl Queued for Held {
    fn tenant(&self) -> Option<Uuid> {
        self.letter.tenant
    }

    fn can_be_refused(&self) -> bool {
        self.letter.wants_reply()
    }
}

/// One after the other, until nobody waits.
async fn serve_all(handler: Arc<dyn Serve>, admission: Arc<AdmissionQueue<Held>>, held: Held) {
    let mut turn = Some(held);
    while let Some(Held { letter, _place }) = turn {
        if !letter.is_late()
            && let Some(response) = handler.serve(letter.delivered, &NeverGone).await
        {
            let _ = letter.reply.send(response);
        }
        turn = admission.next();
    }
}

/// In one process a caller that went away is noticed when its reply cannot be handed over.
struct NeverGone;

#[async_trait]
impl Probe for NeverGone {
    async fn is_gone(&self, _reply_to: &str) -> bool {
        false
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self(Arc::new(Inner {
            queues: Mutex::default(),
            events: broadcast::channel(EVENTS_MAX).0,
            leases: Mutex::default(),
            collectors: Mutex::default(),
            tracker: TaskTracker::new(),
        }))
    }
}

impl InProcess {
    fn queue(&self, queue: &str) -> Option<mpsc::Sender<Letter>> {
        self.0
            .queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(queue)
            .cloned()
    }

    fn collectors(&self) -> Vec<Collector> {
        let collectors = self.0.collectors.lock();
        let collectors = collectors.unwrap_or_else(PoisonError::into_inner);
        collectors.values().cloned().collect()
    }

    /// Puts a request into a queue, with what is known of its journey.
    fn put(
        &self,
        queue: &str,
        request: &Request,
        delivery_info: DeliveryInfo,
    ) -> Result<oneshot::Receiver<Response>> {
        let body = serde_json::to_vec(request).map_err(Error::internal)?;
        let (reply, replied) = oneshot::channel();
        let delivery_info = DeliveryInfo {
            correlation_id: ids::next().to_string(),
            trace: request.trace,
            ..delivery_info
        };
        let letter = Letter {
            delivered: Delivered {
                body,
                delivery_info,
                ..Delivered::default()
            },
            reply,
            tenant: request.customer_id,
        };
        let sender = self.queue(queue).ok_or_else(|| not_served(queue))?;
        sender
            .try_send(letter)
            .map_err(|_| Error::unavailable("service", format!("{queue} is full or closed")))?;
        Ok(replied)
    }
}

#[async_trait]
impl Transport for InProcess {
    async fn serve(
        &self,
        name: &str,
        handler: Arc<dyn Serve>,
        health: Health,
        stop: CancellationToken,
    ) {
        let queue = super::request_queue(name);
        let (sender, mut letters) = mpsc::channel::<Letter>(QUEUE_MAX);
        self.0
            .queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(queue.clone(), sender);
        health.set(name, State::Up);
        let places = Arc::new(Semaphore::new(HELD_MAX));
        let admission = Arc::new(AdmissionQueue::<Held>::default());
        let tracker = TaskTracker::new();
        let mut look = tokio::time::interval(TICK_PERIOD);
        loop {
            let held = tokio::select! {
                biased;
                _ = look.tick() => {
                    admission.tick(Instant::now()).into_iter().for_each(|held| held.refuse(name));
                    continue;
                }
                held = next(&mut letters, &places) => held,
                () = stop.cancelled() => {
                    health.set(name, State::Down("stopping".to_owned()));
                    // New requests are refused; those that were accepted are answered.
                    letters.close();
                    next(&mut letters, &places).await
                }
            };
            let Some(held) = held else {
                break;
            };
            match admission.arrive(held, Instant::now()) {
                Admission::Now(held) => {
                    let (handler, admission) = (Arc::clone(&handler), Arc::clone(&admission));
                    tracker.spawn(serve_all(handler, admission, held));
                }
                Admission::Later => {}
                Admission::Refuse(held) => held.refuse(name),
            }
        }
        tracker.close();
        let _ = tokio::time::timeout(DRAIN_MAX, tracker.wait()).await;
        self.0
            .queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&queue);
    }

    async fn request(&self, queue: &str, request: &Request, timeout: Duration) -> Result<Response> {
        let delivery_info = DeliveryInfo {
            reply_to: "inprocess".to_owned(),
            ..DeliveryInfo::default()
        };
        let replied = self.put(queue, request, delivery_info)?;
        tokio::time::timeout(timeout, replied)
            .await
            .map_err(|_| Error::unavailable("service", format!("{queue} did not answer in time")))?
            .map_err(|_| Error::unavailable("service", format!("{queue} dropped the request")))
    }

    async fn request_later(&self, queue: &str, request: &Request, delay: Duration) -> Result<()> {
        let (bus, queue, request) = (self.clone(), queue.to_owned(), request.clone());
        self.0.tracker.spawn(async move {
            tokio::time::sleep(delay).await;
            if let Err(error) = bus.put(&queue, &request, DeliveryInfo::default()) {
                warn!(%error, queue, "delayed request was not taken");
            }
        });
        Ok(())
    }

    async fn post(&self, queue: &str, request: &Request, message_id: &str) -> Result<()> {
        let delivery_info = DeliveryInfo {
            message_id: message_id.to_owned(),
            ..DeliveryInfo::default()
        };
        let reply = self
            .put(queue, request, delivery_info)?
            .await
            .map_err(|_| Error::unavailable("service", format!("{queue} dropped the request")))?;
        if reply.status_code < 400 {
            Ok(())
        } else {
            Err(Error::from_reply(&reply))
        }
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn Receive>,
        stop: CancellationToken,
    ) {
        let mut events = self.0.events.subscribe();
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.recv() => event,
            };
            match event {
                Ok(outgoing) => {
                    if subscription
                        .patterns
                        .iter()
                        .any(|pattern| matches(pattern, &outgoing.routing_key))
                    {
                        deliver(&outgoing, &handler, &self.0.tracker).await;
                    }
                }
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    warn!(
                        missed,
                        subscriber = subscription.name,
                        "events were missed by a slow listener"
                    );
                    handler.resumed();
                }
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    async fn follow(&self, live: Live, handler: Arc<dyn Receive>, stop: CancellationToken) {
        let (mut events, bindings) = (self.0.events.subscribe(), &live.bindings);
        // All of them come; what nobody holds is passed over.
        let settle = || bindings.settle(bindings.changes(&HashSet::new()).round);
        bindings.renew();
        settle();
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => break,
                () = bindings.changed() => {
                    settle();
                    continue;
                }
                event = events.recv() => event,
            };
            match event {
                Ok(outgoing) if bindings.wants(outgoing.customer_id, outgoing.kind()) => {
                    deliver(&outgoing, &handler, &self.0.tracker).await;
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    let subscriber = &live.name;
                    warn!(missed, subscriber, "events were missed by a slow listener");
                    handler.resumed();
                }
                Err(broadcast::error::RecvError::Closed) => break,
            }
        }
        bindings.lose();
    }

    fn collect(
        &self,
        subscription: Subscription,
        collector: Arc<dyn Collect>,
        stop: CancellationToken,
    ) -> BoxFuture<'static, ()> {
        let mut collectors = self
            .0
            .collectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let keeper = collector;
        let name = subscription.name.clone();
        collectors.insert(
            name,
            Collector {
                subscription,
                keeper,
            },
        );
        Box::pin(stop.cancelled_owned())
    }

    async fn lease(&self, publisher: &str, database_id: &str) -> Result<Box<dyn PublisherLease>> {
        let key = format!("{publisher}.{database_id}");
        let one = Arc::clone(
            self.0
                .leases
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(key)
                .or_insert_with(|| Arc::new(Semaphore::new(1))),
        );
        let permit = one.acquire_owned().await.map_err(Error::internal)?;
        Ok(Box::new(InProcessLease {
            bus: self.clone(),
            _permit: permit,
        }))
    }

    async fn wake(&self, _publisher: &str, _database_id: &str) {}
}

/// Nobody was asked: unlike silence, this says nothing about the service's health.
fn not_served(queue: &str) -> Error {
    Error::new(
        Status::Unavailable,
        NOT_SERVED,
        "The service is not serving now; try again.",
    )
    .caused_by(format!("nobody serves {queue}"))
}

async fn deliver(outgoing: &Outgoing, handler: &Arc<dyn Receive>, tracker: &TaskTracker) {
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

struct InProcessLease {
    bus: InProcess,
    _permit: tokio::sync::OwnedSemaphorePermit,
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

/// Whether a topic fits a pattern: words between dots, `*` one word, `#` any number of them.
pub(crate) fn matches(pattern: &str, topic: &str) -> bool {
    fn fits(pattern: &[&str], topic: &[&str]) -> bool {
        match (pattern.split_first(), topic.split_first()) {
            (None, None) => true,
            (Some((&"#", rest)), None) => fits(rest, topic),
            (Some((&"#", rest)), Some((_, tail))) => fits(rest, topic) || fits(pattern, tail),
            (Some((word, rest)), Some((head, tail))) => {
                (*word == "*" || word == head) && fits(rest, tail)
            }
            _ => false,
        }
    }
    fits(
        &pattern.split('.').collect::<Vec<_>>(),
        &topic.split('.').collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::matches;

    #[rstest]
    #[case("outdial-manager.#", "outdial-manager.outdial.1.created", true)]
    #[case(
        "outdial-manager.outdial.*.created",
        "outdial-manager.outdial.1.created",
        true
    )]
    #[case(
        "outdial-manager.outdial.*",
        "outdial-manager.outdial.1.created",
        false
    )]
    #[case("#.created", "outdial-manager.outdial.1.created", true)]
    #[case("did-manager.#", "outdial-manager.outdial.1.created", false)]
    #[case("#", "", true)]
    fn a_pattern_fits_as_on_the_broker(
        #[case] pattern: &str,
        #[case] topic: &str,
        #[case] fits: bool,
    ) {
        assert_eq!(matches(pattern, topic), fits);
    }
}
