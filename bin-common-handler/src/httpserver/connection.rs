//! A connection that outlives its request: a WebSocket keeps its place among the port's connections.

use std::sync::Arc;

use super::{room::Taken, seat::Kept};

/// The connection of a request that asks for an upgrade; stands in the request's extensions.
#[derive(Clone)]
pub struct Connection(Arc<Taken>);

/// Keeps a connection's place, and keeps it from being closed for another, until this is dropped.
pub struct Hold {
    _kept: Kept,
    _taken: Arc<Taken>,
}

impl Connection {
    pub(super) fn new(taken: &Arc<Taken>) -> Self {
        Self(Arc::clone(taken))
    }

    /// Takes the connection over: what follows on it is no HTTP any more. So its request must have been found good.
    pub fn hold(&self) -> Hold {
        Hold {
            _kept: self.0.seat().keep(),
            _taken: Arc::clone(&self.0),
        }
    }
}
