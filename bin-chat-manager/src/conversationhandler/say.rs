//! How something is said in a locked conversation: with the next number, once for its cause.

use std::time::Duration;

use bin_common_handler::{
    databasehandler::ChangeTx,
    ids,
    models::error::{Error, Result},
};
use uuid::Uuid;

use super::{events, timers};
use crate::{
    dbhandler::messages,
    entryhandler::sla,
    models::{
        conversation::Conversation,
        message::{self, Direction, Message, MessageKind, MessageStatus, Sender},
        timers::{CLOSE, SEND},
    },
    words::segments,
};

/// A quiet conversation closes after this.
const QUIET_MAX: Duration = Duration::from_secs(72 * 3_600);
/// A text is sent at once by the process that wrote it; when that ended meanwhile, by anyone after this.
const SEND_NET: Duration = Duration::from_secs(2);

/// What is said.
pub(crate) struct Said<'s> {
    pub sender: Sender,
    pub sender_id: Option<Uuid>,
    pub body: &'s str,
    pub status: MessageStatus,
    pub cause_key: String,
}

/// Says something; none where it was said for this cause before. The caller writes the conversation afterwards.
///
/// # Errors
/// 503.
pub(crate) async fn say(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    said: Said<'_>,
) -> Result<Option<Message>> {
    say_as(tx, conversation, said, What::Words).await
}

/// Says what the visitor of a page reads from nobody in particular; once for its cause. The caller writes the conversation
/// afterwards.
///
/// # Errors
/// 503.
pub(crate) async fn say_on_page(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    body: &str,
    cause_key: String,
) -> Result<()> {
    let said = Said {
        sender: Sender::System,
        sender_id: None,
        body,
        status: MessageStatus::Sent,
        cause_key,
    };
    say(tx, conversation, said).await.map(drop)
}

/// What was said for a client's id before, where it is the same again: another text under that id is not lost without a word.
///
/// # Errors
/// 409 `CLIENT_MESSAGE_ID_USED`.
pub(crate) fn again(said: Message, kind: MessageKind, body: &str) -> Result<Message> {
    // What was taken back has no words to compare.
    let is_same = said.tm_delete.is_some() || said.body == body;
    if said.kind == kind && is_same {
        return Ok(said);
    }
    Err(id_used())
}

/// Another message has this id of a client's.
pub(super) fn id_used() -> Error {
    Error::failed_precondition(
        "CLIENT_MESSAGE_ID_USED",
        "Another message has this client_message_id.",
    )
}

/// Says a file, whose message has this id. As [`say`].
///
/// # Errors
/// 503.
pub(crate) async fn say_file(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    said: Said<'_>,
    id: Uuid,
) -> Result<Option<Message>> {
    say_as(tx, conversation, said, What::File(id)).await
}

/// Says what is about an appointment. As [`say`].
///
/// # Errors
/// 503.
pub(super) async fn say_appointment(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    said: Said<'_>,
    id: Uuid,
) -> Result<Option<Message>> {
    say_as(tx, conversation, said, What::Appointment(id)).await
}

/// What is said beside words.
#[derive(Clone, Copy)]
enum What {
    Words,
    /// A file, whose message has its id.
    File(Uuid),
    /// An appointment.
    Appointment(Uuid),
}

async fn say_as(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    said: Said<'_>,
    what: What,
) -> Result<Option<Message>> {
    let customer_id = conversation.customer_id;
    if messages::by_cause(tx, customer_id, &said.cause_key)
        .await?
        .is_some()
    {
        return Ok(None);
    }
    let now = tx.now();
    let is_inbound = said.sender == Sender::Customer;
    let said_by_human = said.sender == Sender::Human;
    let body = if is_inbound || said_by_human {
        said.body.to_owned()
    } else {
        segments::simplified(said.body)
    };
    let message = Message {
        id: match what {
            What::File(id) => id,
            _ => ids::next(),
        },
        customer_id,
        conversation_id: conversation.id,
        seq: events::next(conversation),
        kind: match (what, said.sender) {
            (What::File(_), _) => MessageKind::Attachment,
            (What::Appointment(_), _) => MessageKind::Appointment,
            (What::Words, Sender::System) => MessageKind::System,
            (What::Words, _) => MessageKind::Text,
        },
        appointment_id: match what {
            What::Appointment(id) => Some(id),
            _ => None,
        },
        direction: if is_inbound {
            Direction::Inbound
        } else {
            Direction::Outbound
        },
        sender: said.sender,
        sender_id: said.sender_id,
        segments: i32::try_from(segments::count(&body).count).unwrap_or(i32::MAX),
        body,
        status: said.status,
        cause_key: Some(said.cause_key),
        fence: conversation.fence,
        tm_create: now,
        tm_update: now,
        ..Message::default()
    };
    tx.insert(&message).await?;
    tx.emit(message::CREATED, &message, customer_id).await?;
    if message.status != MessageStatus::Discarded {
        events::created(tx, &message).await?;
    }
    if message.status == MessageStatus::Queued {
        tx.schedule(SEND, message.id, now.plus(SEND_NET), &())
            .await?;
    }
    conversation.tm_last_message = Some(now);
    if is_inbound {
        let waits_already = conversation.is_unanswered();
        conversation.tm_inbound = Some(now);
        conversation.inbound_seq = conversation.last_seq;
        if !waits_already {
            timers::watch_silence(tx, conversation).await?;
        }
        sla::asked(tx, conversation.id).await?;
    } else if said_by_human {
        sla::answered(tx, conversation.id).await?;
    }
    tx.schedule(CLOSE, conversation.id, now.plus(QUIET_MAX), &())
        .await?;
    Ok(Some(message))
}

/// Notes something for people of the business only; none where it was noted for this cause before. The caller writes the
/// conversation afterwards.
///
/// # Errors
/// 503.
pub(crate) async fn note(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    author: Uuid,
    body: &str,
    cause_key: String,
) -> Result<Message> {
    let (now, customer_id) = (tx.now(), conversation.customer_id);
    let message = Message {
        id: ids::next(),
        customer_id,
        conversation_id: conversation.id,
        note_seq: events::next_note(conversation),
        kind: MessageKind::Note,
        direction: Direction::Outbound,
        sender: Sender::Human,
        sender_id: Some(author),
        body: body.to_owned(),
        // It goes nowhere.
        status: MessageStatus::Received,
        cause_key: Some(cause_key),
        fence: conversation.fence,
        tm_create: now,
        tm_update: now,
        ..Message::default()
    };
    tx.insert(&message).await?;
    tx.emit(message::CREATED, &message, customer_id).await?;
    events::created(tx, &message).await?;
    Ok(message)
}

/// Writes a locked message of a locked conversation in its new form, with its event. Who takes part is told of what they
/// can see of it.
///
/// # Errors
/// 503.
pub(crate) async fn rewrite(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    message: &mut Message,
) -> Result<()> {
    message.tm_update = tx.next_version(message.tm_update);
    tx.update(message).await?;
    tx.emit(message::UPDATED, message, message.customer_id)
        .await?;
    if message.status.is_seen() {
        events::changed(tx, conversation, message).await?;
        events::keep_numbers(tx, conversation).await?;
    }
    Ok(())
}
