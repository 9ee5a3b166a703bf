//! What every daemon shares, so that a manager is a route table, models, rules and SQL.
//!
//! Data comes in at [`sockhandler`], is routed by [`listenhandler`], decided upon in a manager's handlers,
//! written through [`databasehandler`], and leaves through [`notifyhandler`]. What happens elsewhere comes in at
//! [`eventhandler`], and what is to happen at a time at [`timerhandler`].

// The derives name everything by the crate's name, here as well.
extern crate self as bin_common_handler;

// The tests link this crate a second time, as their own dependency, and a program has one allocator.
#[cfg(not(test))]
mod allocator;
pub mod backoff;
pub mod cachehandler;
pub mod clock;
pub mod config;
pub mod context;
pub mod csv;
pub mod daemon;
pub mod databasehandler;
pub mod deadletter;
pub mod eventhandler;
pub mod failpoint;
pub mod files;
pub mod health;
pub mod httphandler;
pub mod httpserver;
pub mod ids;
pub mod inbox;
pub mod keyfile;
pub mod listenhandler;
pub mod loglimit;
pub mod metrics;
pub mod models;
pub mod notifyhandler;
pub mod openapi;
pub mod optouts;
pub mod phone;
pub mod quota;
pub mod redact;
pub mod requesthandler;
pub mod resource;
pub mod sealer;
pub mod sockhandler;
pub mod subjects;
pub mod table;
#[cfg(feature = "test-support")]
#[expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at its first surprise"
)]
pub mod testing;
pub mod timerhandler;
pub mod trace;
pub mod vitals;
pub mod webhooks;
pub mod worker;

pub use bin_common_derive::{Entity, FromRow, Resource, StoredRow};
pub use schemars;

/// What derived code names.
#[doc(hidden)]
pub mod derived {
    pub use serde;
    pub use sqlx;
    pub use uuid;
}
