//! SQL of this daemon's tables.

pub(crate) mod inboundcalls;
pub(crate) mod market;
pub(crate) mod numbers;
