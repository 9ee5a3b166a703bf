//! SQL for this daemon's tables, beyond what an entity's store gives.

pub(crate) mod accesskeys;
pub(crate) mod allocations;
pub(crate) mod callresults;
pub(crate) mod customers;
pub(crate) mod dids;
pub(crate) mod exhaustions;
pub(crate) mod labels;
pub(crate) mod live;
pub(crate) mod members;
pub(crate) mod performances;
pub(crate) mod phonenumbers;
pub(crate) mod rollups;
pub(crate) mod secrets;
pub(crate) mod states;
pub(crate) mod stickies;
pub(crate) mod subjects;
pub(crate) mod times;
pub(crate) mod usages;
pub(crate) mod versions;
