//! Events of others, worked on once each and in order for each entity.
//!
//! ```ignore
//! ctx.events.on("did-manager.usage.*.updated", charge);
//! async fn charge(tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> { let usage: Usage = event.data()?; … }
//! ```
//!
//! **Lifecycle.** The bus hands events to `<prefix>_incoming` (`incoming.rs`), and forgets them when they stand
//! there: RabbitMQ by an acknowledgement, the bus inside a process by letting the publisher's relay delete its
//! outbox row. What only an [`Audience`] would hear that is not there is forgotten at once (`unheard.rs`). From there
//! on both are alike (`consumer.rs`): the oldest event of an entity is locked and deleted, its id is noted in
//! `<prefix>_received` (`sweep.rs` forgets it), every handler whose pattern fits runs, and all of that commits at once.
//! One that fails is tried again after growing pauses ([`crate::worker`]), and is a dead letter in the end.
//!
//! **Concurrency.** Replicas share the table; a row is claimed by its lock. Only the oldest event of an entity is ever
//! worked on, so a failing one holds up the later ones of its entity, and nobody else's, until it is done or dead.
//!
//! **Invariants.** An event's effect happens once: its id is remembered for seven days. An event without an id (older
//! services send none) is known by its content for ten minutes, long enough for any redelivery. An event that is older
//! than the newest known of its entity is left out; one without a version, or of no entity, never is. The table is
//! bounded: what has no room stays in the broker, or in the publisher's outbox.

mod consumer;
mod incoming;
#[cfg(test)]
mod simulation;
mod sweep;
#[cfg(test)]
mod tests;
mod unheard;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tracing::warn;
use uuid::Uuid;

use crate::{
    daemon::{Siblings, Tasks},
    databasehandler::{ChangeTx, Db, Store},
    metrics::Metrics,
    models::error::Result,
    sockhandler::{ReceivedEvent, Subscription, Transport, inprocess::matches},
    worker::{TxFn, TxFnWith, Wake, Worker, workers},
};
use consumer::EventQueue;
use incoming::Collector;

/// How often ids and versions that are no longer needed are removed.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);

type Handler = Arc<
    dyn for<'t> Fn(&'t mut ChangeTx<'static>, &'t ReceivedEvent) -> BoxFuture<'t, Result<()>>
        + Send
        + Sync,
>;

/// For which of these customers anybody listens now. It is asked for many events at once, before they are kept.
pub type Audience = for<'d> fn(&'d Db, Vec<Uuid>) -> BoxFuture<'d, Result<BTreeSet<Uuid>>>;

/// What a handler listens to.
#[derive(Clone)]
struct Topic {
    patterns: Vec<&'static str>,
    /// Where there is one, events of others are not kept.
    audience: Option<Audience>,
}

impl Topic {
    fn fits(&self, topic: &str) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern, topic))
    }
}

/// Who works on events of a topic.
#[derive(Clone)]
struct Listener {
    topic: Topic,
    handler: Handler,
}

/// What is wanted, and who works on it.
#[derive(Clone, Default)]
struct Wanted {
    listeners: Vec<Listener>,
    /// Older services, whose events come without a topic.
    fanouts: Vec<&'static str>,
}

/// A manager's subscriptions. Clones share them.
#[derive(Clone)]
pub struct Events {
    store: Store,
    metrics: Metrics,
    manager: &'static str,
    wake: Arc<Wake>,
    wanted: Arc<Mutex<Wanted>>,
    siblings: Siblings,
}

impl Events {
    /// Those of `manager`, in the tables of `store`.
    pub fn new(store: Store, metrics: Metrics, manager: &'static str) -> Self {
        Self {
            store,
            metrics,
            manager,
            wake: Arc::default(),
            wanted: Arc::default(),
            siblings: Siblings::default(),
        }
    }

    /// With the names that siblings have here; said before any handler is.
    #[must_use]
    pub fn knowing(self, siblings: Siblings) -> Self {
        Self { siblings, ..self }
    }

    /// Events whose topic fits `pattern` (`*` one word, `#` any number) are worked on by `handler`. Said at start.
    /// Where several handlers fit one event, all of them run in one transaction, in the order of being said.
    pub fn on<F>(&self, pattern: &'static str, handler: F)
    where
        F: for<'t> TxFn<'t, &'t ReceivedEvent> + 'static,
    {
        let handler: Handler = Arc::new(move |tx, event| Box::pin(handler.call(tx, event)));
        self.want([pattern], None, handler);
    }

    /// As [`Self::on`], for a handler that needs a state, e.g. the manager's `App`.
    pub fn on_with<S, F>(&self, pattern: &'static str, state: S, handler: F)
    where
        S: Clone + Send + Sync + 'static,
        F: for<'t> TxFnWith<'t, S, &'t ReceivedEvent> + 'static,
    {
        let handler: Handler =
            Arc::new(move |tx, event| Box::pin(handler.call(state.clone(), tx, event)));
        self.want([pattern], None, handler);
    }

    /// As [`Self::on`], for events that few customers want: those of others, and of nobody, are dropped as they come,
    /// which costs one look for a whole batch, whatever the patterns. Whoever begins to listen hears what comes after that.
    pub fn on_for<F>(
        &self,
        patterns: impl IntoIterator<Item = &'static str>,
        audience: Audience,
        handler: F,
    ) where
        F: for<'t> TxFn<'t, &'t ReceivedEvent> + 'static,
    {
        let handler: Handler = Arc::new(move |tx, event| Box::pin(handler.call(tx, event)));
        self.want(patterns, Some(audience), handler);
    }

    /// Events of an older `service` (e.g. `call-manager`), which it sends to a fanout of its own, are wanted too.
    /// Their topics are made from their content: `<publisher>.<resource>.<id>.<action>`.
    pub fn from_fanout(&self, service: &'static str) {
        self.with_wanted(|wanted| wanted.fanouts.push(service));
    }

    fn want(
        &self,
        patterns: impl IntoIterator<Item = &'static str>,
        audience: Option<Audience>,
        handler: Handler,
    ) {
        let here = |pattern| self.siblings.pattern(pattern);
        let patterns = patterns.into_iter().map(here).collect();
        let listener = Listener {
            topic: Topic { patterns, audience },
            handler,
        };
        self.with_wanted(|wanted| wanted.listeners.push(listener));
    }

    fn with_wanted<T>(&self, work: impl FnOnce(&mut Wanted) -> T) -> T {
        work(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Subscribes, and starts working on what comes; nothing where nothing is wanted. Before any relay of this
    /// process publishes, or a first event finds nobody.
    pub(crate) fn start(&self, transport: &dyn Transport, tasks: &Tasks) {
        let wanted = self.with_wanted(|wanted| wanted.clone());
        if wanted.listeners.is_empty() {
            return;
        }
        let subscription = Subscription {
            name: self.manager.to_owned(),
            patterns: wanted
                .listeners
                .iter()
                .flat_map(|listener| &listener.topic.patterns)
                .map(|pattern| (*pattern).to_owned())
                .collect(),
            fanouts: wanted
                .fanouts
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            durable: true,
        };
        let collector = Arc::new(self.collector());
        tasks.spawn("event collector", |stop| {
            transport.collect(subscription, collector, stop)
        });
        let worker = self.worker();
        tasks.spawn("event consumer", |stop| worker.run(stop));
        let sweeper = self.collector();
        tasks.every("event sweep", SWEEP_PERIOD, move || {
            let sweeper = sweeper.clone();
            async move {
                if let Err(fault) = sweeper.sweep().await {
                    warn!(%fault, "received events not swept");
                }
            }
        });
    }

    fn collector(&self) -> Collector {
        Collector {
            store: self.store.clone(),
            metrics: self.metrics.clone(),
            manager: self.manager,
            wake: Arc::clone(&self.wake),
            topics: self.with_wanted(|wanted| {
                let topics = wanted.listeners.iter();
                topics.map(|listener| listener.topic.clone()).collect()
            }),
        }
    }

    fn worker(&self) -> Worker<EventQueue> {
        Worker {
            queue: EventQueue {
                store: self.store.clone(),
                metrics: self.metrics.clone(),
                manager: self.manager,
                listeners: self.with_wanted(|wanted| wanted.listeners.clone()),
            },
            name: format!("events of {}", self.manager),
            wake: Arc::clone(&self.wake),
            clock: self.store.clock.clone(),
            workers: workers(self.store.db.dialect()),
        }
    }
}
