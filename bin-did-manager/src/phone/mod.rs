//! Phone numbers as did-manager meets them: the common form, and what dialers send.
//!
//! [`E164::parse`] reads a number that somebody wrote down on purpose, in a pool or a file. [`read_dialled`] reads what
//! a dialer sends as the number it calls, which is sometimes none.

mod dialled;
mod status;

pub use bin_common_handler::phone::{E164, NumberFormat, PhoneFault, parse, parse_query};
pub use dialled::{Dialled, read_dialled};
pub use status::DialStatus;
