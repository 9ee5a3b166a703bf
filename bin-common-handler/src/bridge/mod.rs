//! HTTP in front of the managers: who are you, which manager, forward. No rule of any manager lives here.
//!
//! Every route of every manager's table is served under `/v1/…` and `/api/v1/…`: the method, the query and
//! the JSON body reach the manager as they are, and its status code and `data` come back as they are.
//! `Idempotency-Key` and `X-Request-ID` travel in the envelope. A body of a bulk route is cut into batches
//! ([`bulk`]).

mod access;
mod answer;
mod app;
mod batches;
mod bucket;
mod bulk;
mod companion;
mod cors;
mod form;
mod forward;
mod fresh;
mod grant;
mod key;
mod limits;
mod query;
mod request_id;
mod rows;
mod server;
mod table;
mod verdicts;

pub use access::AccessKey;
pub use app::Bridge;
pub use bucket::Rate;
pub use bulk::Report;
pub use companion::{companion, main};
pub use key::{key_from, key_or_new};
pub use limits::Limits;
pub use rows::{BadRows, Splitter};
pub use server::serve;
pub use table::Table;

/// The bridge's name: publisher of its requests, domain of its errors.
pub const NAME: &str = "http-bridge";
