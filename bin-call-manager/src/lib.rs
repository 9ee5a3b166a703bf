//! call-manager: the call exchange.

pub mod choice;
