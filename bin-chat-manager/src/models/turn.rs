//! A turn of the assistant: what it was asked, what it said, and what was refused of that.

use bin_common_handler::{Resource, models::time::Timestamp, text_enum};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum!(
    /// What became of a turn.
    pub enum TurnStatus {
        /// It is being carried out.
        Running = "running",
        /// Its text was given to the sender.
        Sent = "sent",
        /// It came too late.
        Discarded = "discarded",
    }
);

text_enum!(
    /// Who wrote its text.
    pub enum TurnSource {
        /// Rules, for want of a model.
        Rules = "rules",
        /// The model.
        Model = "model",
        /// A template, as the model's text was refused.
        Template = "template",
    }
);

/// A turn of the assistant.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "turn", table = "chat_turns")]
pub struct Turn {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The conversation.
    #[resource(filter)]
    pub conversation_id: Uuid,
    /// The conversation's fence when it began: another one, and its text is never sent.
    pub fence: i64,
    /// The last message that it answers.
    pub up_to_seq: i64,
    /// What became of it.
    pub status: TurnStatus,
    /// Who wrote its text.
    pub source: TurnSource,
    /// Which instructions the model had.
    pub prompt_version: String,
    /// The model.
    pub model: String,
    /// Tokens that the model read.
    pub tokens_in: i64,
    /// Tokens that it wrote.
    pub tokens_out: i64,
    /// How long it took, in milliseconds.
    pub latency_ms: i64,
    /// What the person wants, as the model sees it.
    pub intent: String,
    /// How sure the model is, 0 to 1.
    pub confidence: f64,
    /// Why its text was refused, or why there was none; empty for nothing.
    pub refusal: String,
    /// What was refused, phone numbers masked.
    pub refused_text: String,
    /// The message that it became.
    pub message_id: Option<Uuid>,
    /// When it began.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is there.
    pub tm_delete: Option<Timestamp>,
}
