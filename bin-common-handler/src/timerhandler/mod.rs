//! Durable timers: set in a change's transaction, fired in the transaction of their effect.
//!
//! ```ignore
//! tx.schedule(AUCTION_CLOSE, auction.id, auction.tm_end, &auction.round).await?;   // moved when it is there
//! tx.cancel(AUCTION_CLOSE, auction.id).await?;
//!
//! ctx.timers.on(AUCTION_CLOSE, close);
//! async fn close(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> { … }
//! ```
//!
//! **Lifecycle.** A timer is a row, one for each kind and entity. Setting it again moves it and starts its count of
//! failures anew. When it is due its row is locked and deleted, its handler runs, and all of that commits at once:
//! the timer, its effect and the effect's events stand or fall together. What is due while nobody runs fires when
//! somebody does, the oldest first. One that fails is tried again after growing pauses ([`crate::worker`]), up to
//! four hours in all; then it becomes a dead letter.
//!
//! **Concurrency.** Each kind has a loop of its own, so a slow or failing kind holds no other up. Replicas share
//! what is due: a row is claimed by its lock, and passed over by others. On SQLite, with its one writer, and while they
//! are late, a few timers share a transaction; when one of them fails, they are run again one by one. Whether a timer
//! is due is asked of the injected clock.
//!
//! **Invariants.** A timer that was committed fires once, or is cancelled, moved or a dead letter; nothing else
//! removes its row. A handler sees only its transaction: what it does beside it may be done again.

mod alarms;
mod runner;
mod schedule;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use alarms::Alarms;

use crate::{
    daemon::{StartError, Tasks},
    databasehandler::{ChangeTx, Store},
    metrics::Metrics,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    trace::TraceContext,
    worker::{TxFn, TxFnWith, Worker, workers},
};
use runner::KindQueue;

/// A timer that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// Names this setting of the timer, however often it is tried; moved, it has another.
    pub id: Uuid,
    /// What it is for.
    pub kind: String,
    /// Of which entity.
    pub entity_id: Uuid,
    /// When it was to fire.
    pub due_at: Timestamp,
    /// How often it failed before.
    pub attempt: i64,
    payload: String,
    /// The trace of the change that set it.
    trace: Option<TraceContext>,
}

impl Timer {
    /// What was given to `schedule`.
    ///
    /// # Errors
    /// When it has another shape, e.g. that of an older version.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.payload).map_err(Error::internal)
    }
}

type Handler = Arc<
    dyn for<'t> Fn(&'t mut ChangeTx<'static>, Timer) -> BoxFuture<'t, Result<()>> + Send + Sync,
>;

/// A manager's timers. Clones share them.
#[derive(Clone)]
pub struct Timers {
    store: Store,
    metrics: Metrics,
    manager: &'static str,
    handlers: Arc<Mutex<Vec<(&'static str, Handler)>>>,
}

impl Timers {
    /// Those of `manager`, in the tables of `store`.
    pub fn new(store: Store, metrics: Metrics, manager: &'static str) -> Self {
        Self {
            store,
            metrics,
            manager,
            handlers: Arc::default(),
        }
    }

    /// Whatever is scheduled under `kind` is worked on by `handler`. Said at start.
    pub fn on<F>(&self, kind: &'static str, handler: F)
    where
        F: for<'t> TxFn<'t, Timer> + 'static,
    {
        self.add(
            kind,
            Arc::new(move |tx, timer| Box::pin(handler.call(tx, timer))),
        );
    }

    /// As [`Self::on`], for a handler that needs a state, e.g. the manager's `App`.
    pub fn on_with<S, F>(&self, kind: &'static str, state: S, handler: F)
    where
        S: Clone + Send + Sync + 'static,
        F: for<'t> TxFnWith<'t, S, Timer> + 'static,
    {
        self.add(
            kind,
            Arc::new(move |tx, timer| Box::pin(handler.call(state.clone(), tx, timer))),
        );
    }

    fn add(&self, kind: &'static str, handler: Handler) {
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        handlers.push((kind, handler));
    }

    /// Starts a job for each kind that has a handler.
    ///
    /// # Errors
    /// When a kind has two handlers, or is no name.
    pub(crate) fn start(&self, tasks: &Tasks) -> std::result::Result<(), StartError> {
        for worker in self.workers()? {
            tasks.spawn("timers", |stop| worker.run(stop));
        }
        Ok(())
    }

    /// Fires what is due until `stop`: for programs that are no daemon.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn run(&self, stop: CancellationToken) -> std::result::Result<(), StartError> {
        let loops = self
            .workers()?
            .into_iter()
            .map(|worker| worker.run(stop.clone()));
        futures_util::future::join_all(loops).await;
        Ok(())
    }

    fn workers(&self) -> std::result::Result<Vec<Worker<KindQueue>>, StartError> {
        let handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kinds: Vec<&str> = handlers.iter().map(|(kind, _)| *kind).collect();
        kinds.sort_unstable();
        if let Some(twice) = kinds.windows(2).find(|pair| pair.first() == pair.last()) {
            let text = format!("two handlers for the timers {twice:?}");
            return Err(StartError::Other(text));
        }
        handlers
            .iter()
            .map(|(kind, handler)| {
                schedule::check_kind(kind).map_err(|fault| StartError::Other(fault.to_string()))?;
                Ok(self.worker(kind, handler))
            })
            .collect()
    }

    fn worker(&self, kind: &'static str, handler: &Handler) -> Worker<KindQueue> {
        Worker {
            queue: KindQueue::new(self, kind, Arc::clone(handler)),
            name: format!("timers {kind} of {}", self.manager),
            wake: self.store.alarms().of(kind),
            clock: self.store.clock.clone(),
            workers: workers(self.store.db.dialect()),
        }
    }
}
