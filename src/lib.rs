//! What the programs of this package share.

pub mod bridge;
pub mod managers;
pub mod pages;
#[cfg(test)]
mod roles;
pub mod socket;
