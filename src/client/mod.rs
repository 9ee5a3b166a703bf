//! Asking a manager, over the broker or through a bridge.

mod address;
mod ask;
mod fetch;
mod http;

pub use address::{Address, manager_name, path};
pub use ask::{Ask, Client, Options, broker};
pub use fetch::{
    fetch, get, not_understood, rows, status_line, status_line_without_flag, with_client,
};
