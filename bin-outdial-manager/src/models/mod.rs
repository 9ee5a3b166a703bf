//! The entities: their fields, states and events.

pub mod outdial;
pub mod outdialtarget;
pub mod outdialtargetcall;
pub(crate) mod refusals;
pub mod targetrow;
