//! What happens in a conversation, numbered without gaps: a reader who knows a number gets everything after it.
//!
//! A row names its message and holds no words, so what is edited, deleted or erased is so in every replay, too.

use bin_common_handler::{Entity, models::time::Timestamp, text_enum};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::message::{Direction, Message, MessageKind, MessageStatus, Sender};

/// The event of the bus that carries each of them.
pub const CREATED: &str = "conversationevent_created";

text_enum!(
    /// What happened.
    pub enum EventKind {
        /// Something was said.
        MessageCreated = "message_created",
        /// It was edited, or something became of it.
        MessageUpdated = "message_updated",
        /// Its words are gone.
        MessageDeleted = "message_deleted",
        /// A private note was written.
        NoteCreated = "note_created",
        /// A private note was edited.
        NoteUpdated = "note_updated",
        /// A private note is gone.
        NoteDeleted = "note_deleted",
        /// Somebody read up to a number.
        Receipt = "receipt",
        /// The conversation stands elsewhere.
        State = "state",
    }
);

/// Something that happened in a conversation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Entity)]
#[entity(table = "chat_conversation_events")]
pub struct ConversationEvent {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The conversation.
    pub conversation_id: Uuid,
    /// Its number, from 1 without gaps; 0 for what happens to private notes.
    pub seq: i64,
    /// Its number among what happens to private notes, from 1 without gaps; 0 for everything else.
    pub note_seq: i64,
    /// What happened.
    pub kind: EventKind,
    /// The message that it happened to.
    pub message_id: Option<Uuid>,
    /// What else is told.
    pub details: Json<Details>,
    /// When it happened.
    pub tm_create: Timestamp,
    /// The same; events never change.
    pub tm_update: Timestamp,
}

/// What is told of an event beside its message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Details {
    /// Who read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// Where the conversation stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
}

/// Somebody read, which implies that it was delivered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Receipt {
    /// The side that read.
    pub by: Sender,
    /// Messages of the other side up to this number were read.
    pub read_seq: i64,
}

/// Where a conversation stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct State {
    /// Its status.
    pub status: String,
    /// Who of the business has it.
    pub owner_id: Option<Uuid>,
    /// A person of the business was asked for.
    pub needs_human: bool,
}

/// A message as everybody in the conversation may see it.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct MessageView {
    /// UUIDv7.
    pub id: Uuid,
    /// The id that its client gave it.
    pub client_message_id: Option<String>,
    /// The number under which it was said; 0 for a note.
    pub seq: i64,
    /// The same among notes.
    pub note_seq: i64,
    /// What it is.
    pub kind: MessageKind,
    /// Which way it goes.
    pub direction: Direction,
    /// Who says it.
    pub sender: Sender,
    /// Who of the business says it.
    pub sender_id: Option<Uuid>,
    /// The words as they are now; empty when it was deleted.
    pub body: String,
    /// The appointment that it is about; absent for all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appointment_id: Option<Uuid>,
    /// What became of it.
    pub status: MessageStatus,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// When it was read.
    pub read_at: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change.
    pub tm_update: Timestamp,
    /// Deletion time.
    pub tm_delete: Option<Timestamp>,
}

impl From<&Message> for MessageView {
    fn from(message: &Message) -> Self {
        Self {
            id: message.id,
            client_message_id: message.client_message_id().map(str::to_owned),
            seq: message.seq,
            note_seq: message.note_seq,
            kind: message.kind,
            direction: message.direction,
            sender: message.sender,
            sender_id: message.sender_id,
            body: message.body.clone(),
            appointment_id: message.appointment_id,
            status: message.status,
            delivered_at: message.delivered_at,
            read_at: message.read_at,
            tm_create: message.tm_create,
            tm_update: message.tm_update,
            tm_delete: message.tm_delete,
        }
    }
}

/// An event as it is told.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct EventView {
    /// The conversation.
    pub conversation_id: Uuid,
    /// Its number; 0 for what happens to private notes.
    pub seq: i64,
    /// Its number among what happens to private notes; 0 for everything else.
    pub note_seq: i64,
    /// What happened.
    pub r#type: EventKind,
    /// When.
    pub at: Timestamp,
    /// The message that it happened to, as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageView>,
    /// What else is told.
    #[serde(flatten)]
    pub details: Details,
}

impl EventView {
    /// The event with its message.
    pub fn new(event: &ConversationEvent, message: Option<&Message>) -> Self {
        Self {
            conversation_id: event.conversation_id,
            seq: event.seq,
            note_seq: event.note_seq,
            r#type: event.kind,
            at: event.tm_create,
            message: message.map(MessageView::from),
            details: event.details.0.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some("visitor:c:m-1"), Some("m-1"))]
    #[case(Some("human:c:a:b"), Some("a:b"))]
    #[case(Some("greet:c:x"), None)]
    #[case(Some("human"), None)]
    #[case(None, None)]
    fn the_clients_own_id_is_told(#[case] cause: Option<&str>, #[case] expected: Option<&str>) {
        let message = Message {
            cause_key: cause.map(str::to_owned),
            ..Message::default()
        };
        let view = MessageView::from(&message);
        assert_eq!(view.client_message_id.as_deref(), expected);
    }
}
