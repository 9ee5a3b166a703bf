//! SQL for this daemon's tables, beyond what an entity's store gives.

pub(crate) mod accesskeys;
pub(crate) mod allocations;
pub(crate) mod customers;
pub(crate) mod exhaustions;
pub(crate) mod members;
pub(crate) mod performances;
pub(crate) mod phonenumbers;
pub(crate) mod rollups;
pub(crate) mod states;
pub(crate) mod stickies;
pub(crate) mod subjects;
pub(crate) mod usages;
pub(crate) mod versions;
