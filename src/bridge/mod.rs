//! HTTP in front of the managers: who are you, which manager, forward. No rule of any manager lives here.
//!
//! Every route of every manager's table is served under `/v1/…` and `/api/v1/…`: the method, the query and
//! the JSON body reach the manager as they are, and its status code and `data` come back as they are.
//! `Idempotency-Key` and `X-Request-ID` travel in the envelope. What else a route does over HTTP stands in its
//! table ([`bin_common_handler::listenhandler::HttpOptions`]): [`keys`] and [`limits`] say who may call it and how often, [`form`]
//! how its answers look, [`rows`] and [`bulk`] what becomes of a file of rows. [`sockets`] tells of events as they
//! happen.

mod ahead;
mod answer;
mod app;
mod bucket;
mod bulk;
mod cors;
mod export;
mod file;
mod form;
mod forward;
mod incoming;
mod keys;
mod limits;
mod openapi;
mod query;
mod raw;
mod request_id;
mod rows;
mod shares;
mod sidecar;
mod sockets;
mod summary;
mod table;
mod unpack;

pub use app::Bridge;
pub use bucket::Rate;
pub use bulk::Report;
pub use keys::{AccessKey, key_from, key_or_new};
pub use limits::Limits;
pub use raw::PublicUrl;
pub use shares::Shares;
pub use sidecar::{main, reachable, sidecar};
pub use sockets::{Origins, Sockets};
pub use table::Table;

/// The bridge's name: publisher of its requests, domain of its errors.
pub const NAME: &str = bin_common_handler::context::HTTP_BRIDGE;
