//! What the programs of this package share.

pub mod bridge;
pub mod managers;
pub mod pages;
pub mod socket;
