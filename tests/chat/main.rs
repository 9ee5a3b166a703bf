//! Live chat over the bridge's sockets, by a client that shares no code with the bridge.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too, which the lint does not see"
)]

#[cfg(test)]
mod killed;
#[cfg(test)]
mod order;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod walls;
#[cfg(test)]
mod world;
