//! Faults, made on private nodes: what was acknowledged is there, what happened was told, nothing twice.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at its first surprise"
)]

mod broker;
mod cache;
mod crash;
mod database;
mod drain;
mod late;
mod ledger;
mod load;
mod poison;
mod relay;
mod scene;
mod start;
mod wrong;
