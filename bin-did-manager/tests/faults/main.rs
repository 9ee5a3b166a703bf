//! Faults while numbers are given out, made on private nodes: nobody over its cap, nothing given twice for one
//! call, nothing counted that was not given.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at its first surprise"
)]

mod book;
mod broker;
mod cache;
mod changes;
mod clock;
mod crash;
mod database;
mod drain;
mod ledger;
mod load;
mod poison;
mod replicas;
mod rows;
mod tenant;
