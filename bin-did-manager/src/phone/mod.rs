//! Phone numbers: what people and dialers write, and the one form that is kept.
//!
//! [`E164::parse`] reads a number that somebody wrote down on purpose, in a pool or a file. [`read_dialled`] reads what
//! a dialer sends as the number it calls, which is sometimes none. North American numbers are judged by the digit
//! rules of their plan; all others only by their length, because a table of the world's ranges is old before it is
//! shipped, and a number wrongly refused here leaves a call without a caller ID.

mod dialled;
mod digits;
mod e164;
mod status;

pub use dialled::{Dialled, read_dialled};
pub use e164::{E164, NumberFormat};
pub use status::DialStatus;
