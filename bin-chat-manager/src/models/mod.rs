//! What chat-manager keeps.

pub mod business;
pub mod contact;
pub mod conversation;
pub mod message;
pub mod template;
pub mod timers;
pub mod turn;
pub mod webhook;
