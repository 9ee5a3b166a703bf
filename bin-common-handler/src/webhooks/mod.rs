//! What carriers' webhooks need in every manager that takes them: the proof of who sent one, and the XML that answers.
//!
//! The bridge passes a webhook on as it came (`raw`), because the secret is the tenant's and only its manager asks for it.

pub mod twilio;
pub mod twiml;
