//! A manager's routes bound to what their handlers need. The daemon makes a router of them.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::{
    Input, Intake, RouteInfo, Routes,
    extract::{Answer, ErasedEndpoint},
};
use crate::{
    clock::Clock,
    inbox::Inbox,
    metrics::{ManagerMetrics, Metrics},
};

/// What a manager's `start` hands to the daemon.
pub struct Wired {
    pub(super) routes: Vec<BoundRoute>,
}

/// A route whose handler has its state: from here on all handlers are alike.
pub(super) struct BoundRoute {
    pub(super) info: RouteInfo,
    pub(super) run: Run,
}

/// Runs one request.
pub(super) type Run = Box<dyn Fn(Input<()>) -> Answer + Send + Sync>;

impl Wired {
    /// Gives `state` to the handlers of `routes`.
    pub fn new<S: Clone + Send + Sync + 'static>(routes: Routes<S>, state: S) -> Self {
        let routes = routes
            .routes
            .into_iter()
            .map(|route| BoundRoute {
                info: route.info,
                run: bind(route.endpoint, state.clone()),
            })
            .collect();
        Self { routes }
    }
}

/// What a router needs beside its routes. The daemon has all of it.
pub struct RouterContext {
    /// The manager's name on the wire, e.g. `outdial-manager`.
    pub domain: &'static str,
    /// Effects that were done already.
    pub inbox: Inbox,
    /// Judges deadlines.
    pub clock: Clock,
    /// Figures that all managers have.
    pub metrics: Metrics,
    /// The manager's own figures.
    pub manager_metrics: ManagerMetrics,
    /// How much customers may send to be stored.
    pub intake: Intake,
    /// The handlers that run: a drain waits for those, too, whose callers were told that the outcome is not known.
    pub work: TaskTracker,
}

fn bind<S: Clone + Send + Sync + 'static>(endpoint: Arc<dyn ErasedEndpoint<S>>, state: S) -> Run {
    Box::new(move |input| endpoint.call(input.with_state(state.clone())))
}
