//! SQL for this daemon's tables, beyond what an entity's store gives.

pub(crate) mod customers;
pub(crate) mod members;
pub(crate) mod performances;
pub(crate) mod rollups;
pub(crate) mod states;
pub(crate) mod usages;
