//! The queries that the generic store does not give.

pub(crate) mod available;
pub(crate) mod call;
pub(crate) mod stats;
pub(crate) mod subjects;
pub(crate) mod target;
pub(crate) mod times;
pub(crate) mod turns;
