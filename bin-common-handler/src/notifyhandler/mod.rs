//! Events: written with the change into the outbox, carried to the bus by one relay, never lost.

pub(crate) mod outbox;
mod relay;
#[cfg(test)]
mod simulation;
mod waker;

pub use relay::{Relay, RelayMetrics};
pub use waker::Waker;
