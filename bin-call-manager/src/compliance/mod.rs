//! The law: may this person be called at this instant, and if not, by which rule and until when?
//!
//! [`check`] is a pure function of [`Facts`]; it reads no clock, no row and no setting. What it stands on are data
//! rows: [`rules`] (federal and states' hours, with citation and source), [`zones`] (which time zones a prefix has)
//! and [`place`] (which an address has). No I/O lives here.

mod holidays;
mod hours;
pub mod measure;
pub mod place;
pub mod rules;
mod verdict;
pub mod zones;

#[cfg(test)]
mod tests;

pub use place::Address;
pub use rules::Layer;
pub use verdict::{
    Consent, Facts, Listed, Purpose, Reason, Relationship, RelationshipKind, Verdict, check,
};
