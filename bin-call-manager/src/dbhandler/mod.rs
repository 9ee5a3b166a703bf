//! SQL of this daemon's tables.

pub(crate) mod frauds;
pub(crate) mod inboundcalls;
pub(crate) mod market;
pub(crate) mod numbers;
pub(crate) mod pings;
