//! Events: written with the change into the outbox, carried to the bus by one relay, never lost.

mod bell;
pub(crate) mod outbox;
mod relay;
#[cfg(test)]
mod simulation;

pub use bell::Bell;
pub use relay::{Relay, RelayMetrics};
