//! Where a number is: area codes, states and provinces, distances. Tables in the binary, no I/O, no settings.
//!
//! `npa.tsv` is made by `scripts/area-data`; the other tables are kept by hand and say where their facts come
//! from. Each is read once, at the first look-up, and a look-up allocates nothing.

mod codes;
mod distance;
mod states;

pub use codes::{Area, of_npa, of_number, related};
pub use distance::distance_km;
pub use states::{bordering, state_code};
