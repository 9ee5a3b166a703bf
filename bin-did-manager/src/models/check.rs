//! Checks that several entities share, as the common crate has them.

pub use bin_common_handler::models::check::*;
