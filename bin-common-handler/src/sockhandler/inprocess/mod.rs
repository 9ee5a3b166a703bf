//! The transport inside one process: the same promises, bounded queues, no broker.

mod events;
mod letters;
mod topic;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use tokio::{
    sync::{Semaphore, broadcast, mpsc, oneshot},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

pub(crate) use self::topic::matches;
use self::{
    events::{Collector, InProcessLease, deliver},
    letters::{Held, Letter, next, serve_all},
};
use super::{
    Collect, DRAIN_MAX, Delivered, Live, Outgoing, PublisherLease, Receive, Serve, Subscription,
    Transport,
    admission::{Admission, AdmissionQueue, HELD_MAX, TICK_PERIOD},
};
use crate::{
    context::DeliveryInfo,
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
        Ok(Box::new(InProcessLease::new(self.clone(), permit)))
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
