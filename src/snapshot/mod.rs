//! Copies of the embedded database: made while it is used, checked, and put back.
//!
//! Every file appears whole under its name or not at all, and the database's own name always leads to one.

mod check;
mod fault;
mod make;
mod place;
mod put_back;
#[cfg(test)]
mod scratch;

use std::time::Duration;

pub use self::{
    check::check,
    make::make,
    put_back::{ensure_other, put_back},
};

/// How long a copy waits for a lock of the daemon's.
const BUSY_MAX: Duration = Duration::from_secs(10);
