//! The rows of a bulk request, out of whatever body they come in, while it comes in.

mod batches;
mod chunks;
mod csv;
mod json;
mod splitter;
mod upload;

pub(super) use batches::{Batch, Batches, Place};
pub use splitter::{BadRows, Splitter};
pub(super) use upload::open;
