//! Asking a manager, over the broker or through a bridge.

mod address;
mod ask;
mod http;

pub use address::{Address, manager_name, path};
pub use ask::{Ask, Client, Options, broker};
