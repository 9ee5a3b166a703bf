//! What chat-manager keeps.

pub mod template;
