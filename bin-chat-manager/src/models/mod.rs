//! What chat-manager keeps.

pub mod agent;
pub mod offer;
pub mod presence;
pub mod queue;
pub mod queueentry;
pub mod template;
