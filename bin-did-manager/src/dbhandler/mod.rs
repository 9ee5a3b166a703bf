//! SQL for this daemon's tables, beyond what an entity's store gives.

pub(crate) mod accesskeys;
pub(crate) mod members;
pub(crate) mod states;
