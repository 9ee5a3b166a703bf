//! A contact: what one business may do to one number. It is the ledger of opt-outs.
//!
//! The number is forgotten when a person is erased; the hash of it, under a key that only this installation has, stays:
//! an opt-out holds for ever.

use bin_common_handler::{Resource, models::time::Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Announced whenever somebody opts out or in again.
pub const CHANGED: &str = "optout_changed";

/// What one business may do to one number.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "optout", table = "chat_contacts")]
pub struct Contact {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// HMAC-SHA256 of the number under the installation's key.
    #[serde(skip)]
    pub phone_hash: Vec<u8>,
    /// The number, E.164; empty when it was erased.
    #[resource(filter)]
    pub number: String,
    /// Nothing may be sent.
    pub opted_out: bool,
    /// What the last change came from: `word`, `wording`, `provider`, `human` or `start`.
    pub source: String,
    /// The assistant found what may be an opt-out: nothing is sent by itself until a person decides.
    pub paused: bool,
    /// When the opt-out came; null where there is none.
    pub tm_opted_out: Option<Timestamp>,
    /// When our opt-in question was sent last: YES answers it for a day.
    pub tm_asked: Option<Timestamp>,
    /// When they were greeted last.
    pub tm_greeted: Option<Timestamp>,
    /// What the carrier said when it refused texts to this number for good, e.g. 30006 for a landline; empty where it did not.
    pub unreachable_code: String,
    /// When it said so last: for 90 days nothing is sent, unless the person writes.
    pub tm_unreachable: Option<Timestamp>,
    /// Texts that came from them: the number of the last one.
    #[serde(skip)]
    pub last_text: i64,
    /// Days since 1970 of the texts counted in `ai_texts`.
    #[serde(skip)]
    pub ai_day: i64,
    /// Texts of the assistant on that day.
    #[serde(skip)]
    pub ai_texts: i32,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is there.
    pub tm_delete: Option<Timestamp>,
}
