//! Figures as pure logic: what an event says that counts, what facts add up to, and when a figure is an alarm.

pub mod alarm;
pub mod facts;
pub mod sums;
