//! The inbox: what came from outside, kept before it is answered, and worked on once.

use bin_common_handler::{Entity, models::time::Timestamp, text_enum};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum!(
    /// What came.
    pub enum WebhookKind {
        /// A text of a person.
        Sms = "sms",
        /// What became of one of ours.
        SmsStatus = "sms_status",
        /// A call that nobody answered.
        CallMissed = "call_missed",
        /// An appointment that somebody is to be reminded of.
        Reminder = "reminder",
    }
);

/// Something that came from outside.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Entity)]
#[entity(table = "chat_webhooks")]
pub struct Webhook {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// What it is.
    pub kind: WebhookKind,
    /// It comes again under the same key.
    pub event_key: String,
    /// What it says, as JSON; empty when it was worked on.
    pub payload: String,
    /// Whose text it is, as the ledger knows them, while it waits to be worked on; null afterwards, and for all else.
    #[serde(skip)]
    pub phone_hash: Option<Vec<u8>>,
    /// Which text of theirs it is, from 1 in their order of arrival; 0 for all else.
    pub seq: i64,
    /// When it was worked on; null until then.
    pub tm_done: Option<Timestamp>,
    /// When it came.
    pub tm_create: Timestamp,
    /// Time of the last change.
    pub tm_update: Timestamp,
}

/// An appointment that somebody is to be reminded of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// The appointment.
    pub appointment_id: Uuid,
    /// When it begins; moved meanwhile, it has another reminder.
    pub tm_start: Timestamp,
}

/// A text of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundText {
    /// From whom, E.164.
    pub from: String,
    /// To which of our numbers, E.164.
    pub to: String,
    /// The words.
    pub body: String,
    /// The provider's id.
    pub sid: String,
    /// Where the provider has its pictures, at most ten.
    #[serde(default)]
    pub media: Vec<String>,
    /// It was the wish for texts again, and the ledger has it.
    #[serde(default)]
    pub is_start: bool,
    /// It was the wish for no more texts, new to the ledger, while no conversation was open in which people were told.
    #[serde(default)]
    pub is_first_stop: bool,
}

/// What became of a text of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Our message.
    pub message_id: Uuid,
    /// The provider's id.
    pub sid: String,
    /// The provider's word.
    pub status: String,
    /// The provider's code of what went wrong; empty for nothing.
    pub error_code: String,
}

/// A call that nobody answered, as call-manager tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedCall {
    /// The call.
    pub call_id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// Who called; whatever the network said.
    #[serde(default)]
    pub from: String,
    /// Our number.
    #[serde(default)]
    pub to: String,
    /// Why it counts as missed.
    #[serde(default)]
    pub reason: String,
    /// When it ended.
    pub tm_ended: Timestamp,
}
