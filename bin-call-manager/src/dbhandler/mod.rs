//! SQL of this daemon's tables.

pub(crate) mod auctions;
pub(crate) mod calls;
pub(crate) mod consents;
pub(crate) mod dnc;
pub(crate) mod dncentries;
pub(crate) mod frauds;
pub(crate) mod inboundcalls;
pub(crate) mod law;
pub(crate) mod ledger;
pub(crate) mod market;
pub(crate) mod numbers;
pub(crate) mod pings;
pub(crate) mod refunds;
pub(crate) mod refusals;
pub(crate) mod sipnonces;
pub(crate) mod subjects;
pub(crate) mod sweeps;
