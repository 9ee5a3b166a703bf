//! Who acts when: work stops at the places that it names, and goes on when it is told to.

use std::{future::Future, pin::Pin};

use tokio::sync::{mpsc, oneshot};

/// Actors that arrive before the first is noticed; only one acts at a time.
const ARRIVALS_MAX: usize = 16;

/// Where work waits for its turn. Clones are the same stage.
#[derive(Clone, Debug)]
pub struct Stage(mpsc::Sender<Arrival>);

pub(super) struct Arrival {
    pub(super) place: &'static str,
    pub(super) go: oneshot::Sender<()>,
}

impl Stage {
    pub(super) fn new() -> (Self, mpsc::Receiver<Arrival>) {
        let (sender, arrivals) = mpsc::channel(ARRIVALS_MAX);
        (Self(sender), arrivals)
    }

    /// Stops here until it is this actor's turn again; for ever, when its process died meanwhile.
    pub async fn wait(&self, place: &'static str) {
        let (go, told) = oneshot::channel();
        let is_noticed = self.0.send(Arrival { place, go }).await.is_ok();
        if !is_noticed || told.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Work under way in a process.
pub struct Actor<T> {
    pub(super) work: Pin<Box<dyn Future<Output = T>>>,
    pub(super) go: Option<oneshot::Sender<()>>,
}

impl<T> Actor<T> {
    /// Work that has not begun.
    pub fn new(work: impl Future<Output = T> + 'static) -> Self {
        Self {
            work: Box::pin(work),
            go: None,
        }
    }
}

/// How an actor's turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn<T> {
    /// It waits at this place.
    At(&'static str),
    /// Its work is done.
    Done(T),
    /// Its process died of it.
    Died,
}
