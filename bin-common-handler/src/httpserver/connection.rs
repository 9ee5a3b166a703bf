//! A connection that outlives its request: a WebSocket keeps its place among the port's connections.

use std::sync::Arc;

use super::{room::Taken, seat::Busy, wire::Framing};

/// The connection of a request that asks for an upgrade; stands in the request's extensions.
#[derive(Clone)]
pub struct Connection(Arc<Taken>);

/// Keeps a connection's place, and keeps it from being closed for another, until this is dropped.
pub struct Hold {
    _busy: Busy,
    _taken: Arc<Taken>,
}

impl Connection {
    pub(super) fn new(taken: &Arc<Taken>) -> Self {
        Self(Arc::clone(taken))
    }

    /// Takes the connection over: what follows on it is no HTTP any more.
    pub fn hold(&self) -> Hold {
        let (busy, _) = self.0.seat().begin(Framing::Unknown);
        Hold {
            _busy: busy,
            _taken: Arc::clone(&self.0),
        }
    }
}
