//! What carriers' webhooks need in every manager that takes them: whose they are, the proof of who sent one, and the XML that
//! answers; and how a carrier is asked in turn.
//!
//! The bridge passes a webhook on as it came (`raw`), because the secret is the tenant's and only its manager asks for it.

pub mod carrier;
pub mod lines;
pub mod signatures;
pub mod twilio;
pub mod twiml;
