//! What chat-manager keeps.

pub mod alert;
pub mod alertrule;
pub mod appointment;
pub mod bookable;
pub mod business;
pub mod calendar;
pub mod catalogitem;
pub mod contact;
pub mod conversation;
pub mod holiday;
pub mod lead;
pub mod message;
pub mod rate;
pub mod reservation;
pub mod template;
pub mod timers;
pub mod turn;
pub mod webhook;
