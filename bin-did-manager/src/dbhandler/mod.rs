//! SQL for this daemon's tables, beyond what an entity's store gives.

pub(crate) mod accesskeys;
pub(crate) mod exhaustions;
pub(crate) mod members;
pub(crate) mod states;
pub(crate) mod stickies;
pub(crate) mod usages;
pub(crate) mod versions;
