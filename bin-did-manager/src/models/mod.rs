//! The entities: fields, checks, legal transitions, events. No I/O lives here.

pub mod accesskey;
pub mod auditlog;
pub mod business;
pub(crate) mod calendar;
pub mod callresult;
pub mod campaign;
pub mod customer;
pub mod did;
pub mod didcolumns;
pub mod didpool;
pub(crate) mod didstate;
pub mod didstatus;
pub(crate) mod download;
pub mod limits;
pub mod performance;
pub mod phonenumber;
pub mod provider;
pub mod registration;
pub mod rollup;
pub mod rotationrule;
pub mod usage;
pub mod user;
pub mod verdict;

pub use bin_common_handler::models::{check, hours};
