//! The model elsewhere that makes vectors of texts, and vectors themselves: pure, but for the one request. What has
//! vectors, and who compares them, is searchhandler's matter.

mod ask;
mod vector;

pub(crate) use ask::{DIMENSIONS, Embedder, Fault, SERVER};
pub(crate) use vector::Vector;
