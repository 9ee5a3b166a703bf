//! The rows of a bulk request, out of whatever body they come in, while it comes in.

mod batches;
mod chunks;
mod upload;

pub(super) use batches::{Batch, Batches, Place, Unreadable};
pub(super) use chunks::BULK_LIMIT;
pub(super) use upload::{is_file, open};
