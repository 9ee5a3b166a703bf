//! What a person may ask (GDPR, articles 15 and 17), as every manager answers it: call-manager takes the request, asks the
//! others by [`LOOKUP`] what they know, and tells them by [`ERASED`] that a number was erased. Whoever is known by a mail
//! address only is told of by [`EMAIL_ERASED`].
//!
//! ```ignore
//! ctx.events.on(subjects::ERASED, subjecthandler::erased);
//! ```

use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

/// The topic of an erasure. Its data are [`Erased`].
pub const ERASED: &str = "call-manager.subject.*.erased";
/// The topic of an erasure by mail address. Its data are [`EmailErased`]. Managers that know no mail addresses do not follow
/// it.
pub const EMAIL_ERASED: &str = "call-manager.subject.*.email_erased";
/// The internal route that tells everything about a number. Its body is a [`Subject`].
pub const LOOKUP: &str = "/v1/subjects/lookup";

/// How every pseudonym begins; no number and no mail address does.
pub const PSEUDONYM: &str = "erased:";

/// Whose data is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Subject {
    /// The tenant, for callers without one.
    pub customer_id: Option<Uuid>,
    /// The number, E.164; empty where a mail address is asked for.
    #[serde(default)]
    pub phone: String,
    /// The mail address, in lower case; empty where a number is asked for. Only managers that know any are asked.
    #[serde(default)]
    pub email: String,
}

/// A mail address was erased.
#[derive(Debug, Deserialize)]
pub struct EmailErased {
    /// The tenant that knew it.
    pub customer_id: Uuid,
    /// The address, in lower case.
    pub email: String,
    /// What stands for it from now on.
    pub pseudonym: String,
}

/// A number was erased.
#[derive(Debug, Deserialize)]
pub struct Erased {
    /// The tenant that knew it.
    pub customer_id: Uuid,
    /// The number, E.164.
    pub phone: String,
    /// What stands for it from now on.
    pub pseudonym: String,
}
