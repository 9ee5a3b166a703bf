//! Installations for tests: a manager under a name of its own, on a fresh database, over the real services
//! or on the embedded default, called through the same queue as by anyone else; [`Whole`], several managers and
//! the bridge in one process; and the [`lab`], where daemons run as processes on private services that may be
//! killed.

mod client;
mod folder;
pub mod hostile;
mod http;
mod installation;
pub mod lab;
mod log;
pub mod migrations;
pub mod phones;
pub mod schema;
mod services;
pub mod sim;
mod sink;
mod wait;
mod whole;
pub mod words;

pub use client::Client;
pub use http::{Answer, http};
pub use installation::{Installation, Kind, Replica};
pub use log::Log;
pub use services::{new_mysql_database, rabbitmq_address, redis_address, service};
pub use sink::Sink;
pub use wait::{spawn, until, until_within};
pub use whole::{BRIDGE_KEY, MakeBridge, Whole};
