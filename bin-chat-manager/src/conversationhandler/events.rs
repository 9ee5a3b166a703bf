//! How what happens in a held conversation gets its number, and is told to those who follow it.

use bin_common_handler::{
    databasehandler::{ChangeTx, EventPayload},
    ids,
    models::error::{Error, Result},
};
use sqlx::types::Json;

pub(crate) use crate::dbhandler::conversationevents::keep_numbers;
use crate::{
    dbhandler::conversationevents,
    models::{
        conversation::Conversation,
        conversationevent::{
            CREATED, ConversationEvent, Details, EventKind, EventView, Receipt, State,
        },
        message::{Message, MessageKind},
    },
};

/// Events of a conversation that are kept at least: more than anybody is sent again.
const KEPT: i64 = 2_048;
/// How often older ones are looked for, in events.
const SWEEP_EVERY: i64 = 256;

/// The next number. The caller writes the conversation.
pub(crate) fn next(conversation: &mut Conversation) -> i64 {
    conversation.last_seq = conversation.last_seq.saturating_add(1);
    conversation.last_seq
}

/// The next number of private notes. The caller writes the conversation.
pub(crate) fn next_note(conversation: &mut Conversation) -> i64 {
    conversation.last_note_seq = conversation.last_note_seq.saturating_add(1);
    conversation.last_note_seq
}

/// Something was said, under the number that it has.
///
/// # Errors
/// 503.
pub(crate) async fn created(tx: &mut ChangeTx<'_>, message: &Message) -> Result<()> {
    let kind = match message.kind {
        MessageKind::Note => EventKind::NoteCreated,
        _ => EventKind::MessageCreated,
    };
    let event = ConversationEvent {
        seq: message.seq,
        note_seq: message.note_seq,
        ..of_message(message, kind)
    };
    tell(tx, event, Some(message)).await
}

/// A message is another than before. The caller writes the conversation.
///
/// # Errors
/// 503.
pub(crate) async fn changed(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    message: &Message,
) -> Result<()> {
    let is_note = message.kind == MessageKind::Note;
    let kind = match (is_note, message.tm_delete.is_some()) {
        (true, true) => EventKind::NoteDeleted,
        (true, false) => EventKind::NoteUpdated,
        (false, true) => EventKind::MessageDeleted,
        (false, false) => EventKind::MessageUpdated,
    };
    let mut event = of_message(message, kind);
    if is_note {
        event.note_seq = next_note(conversation);
    } else {
        event.seq = next(conversation);
    }
    tell(tx, event, Some(message)).await
}

/// Somebody read. The caller writes the conversation.
///
/// # Errors
/// 503.
pub(crate) async fn receipt(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    receipt: Receipt,
) -> Result<()> {
    let details = Details {
        receipt: Some(receipt),
        state: None,
    };
    let event = of_conversation(conversation, EventKind::Receipt, details);
    tell(tx, event, None).await
}

/// The conversation stands elsewhere than was told last, or nothing is told. The caller writes it.
///
/// # Errors
/// 503.
pub(super) async fn state(tx: &mut ChangeTx<'_>, conversation: &mut Conversation) -> Result<()> {
    let state = conversation.state();
    if state == conversation.told_state {
        return Ok(());
    }
    conversation.told_state = state;
    let details = Details {
        receipt: None,
        state: Some(State {
            status: conversation.status.to_string(),
            owner_id: conversation.owner_id,
            needs_human: conversation.needs_human,
        }),
    };
    let event = of_conversation(conversation, EventKind::State, details);
    tell(tx, event, None).await
}

fn of_message(message: &Message, kind: EventKind) -> ConversationEvent {
    ConversationEvent {
        id: ids::next(),
        customer_id: message.customer_id,
        conversation_id: message.conversation_id,
        kind,
        message_id: Some(message.id),
        ..ConversationEvent::default()
    }
}

fn of_conversation(
    conversation: &mut Conversation,
    kind: EventKind,
    details: Details,
) -> ConversationEvent {
    ConversationEvent {
        id: ids::next(),
        customer_id: conversation.customer_id,
        conversation_id: conversation.id,
        seq: next(conversation),
        kind,
        details: Json(details),
        ..ConversationEvent::default()
    }
}

async fn tell(
    tx: &mut ChangeTx<'_>,
    mut event: ConversationEvent,
    message: Option<&Message>,
) -> Result<()> {
    let now = tx.now();
    event.tm_create = now;
    event.tm_update = now;
    tx.insert(&event).await?;
    if event.seq > KEPT && event.seq.checked_rem(SWEEP_EVERY) == Some(0) {
        let up_to = event.seq.saturating_sub(KEPT);
        conversationevents::forget(tx, event.conversation_id, up_to).await?;
    }
    let view = EventView::new(&event, message);
    let payload = EventPayload {
        resource_id: event.id,
        customer_id: event.customer_id,
        version: now,
        data: serde_json::to_string(&view).map_err(Error::internal)?,
    };
    tx.emit_payload(CREATED, payload).await
}
