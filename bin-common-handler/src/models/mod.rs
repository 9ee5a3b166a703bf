//! The words that every daemon speaks on the wire. No I/O lives here.

pub mod address;
pub mod bad_json;
pub mod check;
pub mod encoding;
pub mod error;
pub mod flag;
pub mod frame;
pub mod hours;
pub mod identity;
pub mod json;
pub mod money;
pub mod page;
pub mod patch;
pub mod path;
pub mod point;
pub mod raw;
pub mod role;
pub mod sock;
pub mod text;
pub mod time;
