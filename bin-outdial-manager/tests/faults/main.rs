//! Faults, made on private nodes: what was acknowledged is there, what happened was told, nothing twice.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at its first surprise"
)]

mod broker;
mod cache;
mod crash;
mod daemon;
mod database;
mod drain;
mod http;
mod lab;
mod late;
mod ledger;
mod load;
mod poison;
mod process;
mod relay;
mod scene;
mod start;
mod wire;
mod wrong;
