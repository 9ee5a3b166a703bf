//! What chat-manager keeps.

pub mod agent;
pub mod business;
pub mod cannedresponse;
pub mod chatsession;
pub mod contact;
pub mod conversation;
pub mod csat;
pub mod message;
pub mod offer;
pub mod presence;
pub mod queue;
pub mod queueentry;
pub mod template;
pub mod timers;
pub mod turn;
pub mod webhook;
pub mod widget;
