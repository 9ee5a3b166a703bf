//! The entities: fields, checks, legal transitions, events. No I/O lives here.

pub mod account;
pub mod auction;
pub mod bid;
pub mod bidprofile;
pub mod businessrelationship;
pub mod call;
pub mod callcampaign;
pub mod callstatus;
pub mod compliancerule;
pub mod consent;
pub mod country;
pub mod dncentry;
pub mod dnclist;
pub mod endpoint;
pub mod fraudcheck;
pub mod fraudentry;
pub mod inboundcall;
pub mod ledgerentry;
pub mod ping;
pub mod posting;
pub mod prices;
pub mod quality;
pub mod refund;
pub mod subjectrequest;
pub mod usage;
