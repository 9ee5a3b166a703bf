//! Who serves whom, and until when: pure rules, without a clock or a database of their own.

pub mod assignment;
pub mod business;
pub mod presence;
#[cfg(test)]
mod simulation;
pub mod wait;
