//! Planted phone numbers and secrets, and the search for them.

mod journey;
mod mistakes;
mod run;
mod spellings;
