//! What chat-manager keeps.

pub mod appointment;
pub mod bookable;
pub mod calendar;
pub mod catalogitem;
pub mod holiday;
pub mod lead;
pub mod rate;
pub mod reservation;
pub mod template;
