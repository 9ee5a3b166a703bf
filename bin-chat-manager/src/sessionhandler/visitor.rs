//! What visitors do in their conversation.

use std::{collections::HashMap, time::Duration};

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        check::{ensure, in_range, max_bytes},
        error::{Error, Result},
        text::check_said,
        time::Timestamp,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::token::{self, Claims};
use crate::{
    app::App,
    attachmenthandler::{self, AttachmentView},
    conversationhandler::{
        change,
        say::{self, Said},
    },
    dbhandler::{
        entries,
        messages::{self, Span},
        sessions,
    },
    entryhandler::waiting,
    models::{
        chatsession::ChatSession,
        conversation::Conversation,
        csat::{CREATED, Csat},
        message::{BODY_MAX, Message, MessageKind, MessageStatus, Sender},
        widget::Widget,
    },
    templatehandler::{self, Filling},
};

/// Longest id that a client gives a message, in bytes.
const CLIENT_ID_MAX: usize = 64;
/// Messages of one answer.
const MESSAGES_MAX: i64 = 1_000;
/// Longest comment, in bytes.
const COMMENT_MAX: usize = 2_000;
/// How long after its end a conversation is rated, and its transcript asked for.
const LATELY: Duration = Duration::from_secs(15 * 60);

/// Whoever has a token.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Bearer {
    /// What the session was begun with, or the last one that an answer had.
    pub token: String,
}

/// What a visitor says.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct VisitorMessageCreate {
    /// The visitor's token.
    pub token: String,
    /// The same for each try of one message, at most 64 bytes.
    pub client_message_id: String,
    /// The words, at most 1,600 bytes.
    pub body: String,
}

/// What a visitor wants to read.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct History {
    /// The visitor's token.
    pub token: String,
    /// Only messages after this number.
    #[serde(default)]
    pub after_seq: i64,
}

/// What a visitor thought of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CsatCreate {
    /// The visitor's token.
    pub token: String,
    /// 1 (bad) to 5 (good).
    pub score: i32,
    /// Words beside it, at most 2,000 bytes.
    #[serde(default)]
    pub comment: String,
}

/// A message as visitors see it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VisitorMessage {
    id: Uuid,
    /// Its number in the conversation.
    seq: i64,
    kind: MessageKind,
    sender: Sender,
    body: String,
    /// The file that was sent; absent for words.
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment: Option<AttachmentView>,
    /// The appointment that it is about; absent for all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    appointment_id: Option<Uuid>,
    /// When it reached the other side; null until then.
    delivered_at: Option<Timestamp>,
    /// When it was read there; null until then.
    read_at: Option<Timestamp>,
    tm_create: Timestamp,
}

/// What a visitor is answered.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VisitorAnswer {
    /// What was said, or is to be read.
    messages: Vec<VisitorMessage>,
    /// A new token, in the second half of the old one's time; null before.
    token: Option<String>,
}

impl From<Message> for VisitorMessage {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            seq: message.seq,
            kind: message.kind,
            sender: message.sender,
            body: message.body,
            attachment: None,
            appointment_id: message.appointment_id,
            delivered_at: message.delivered_at,
            read_at: message.read_at,
            tm_create: message.tm_create,
        }
    }
}

/// The session of a good token, and what the token says.
///
/// # Errors
/// 401, 503.
pub(crate) async fn session(app: &App, id: Uuid, given: &str) -> Result<(ChatSession, Claims)> {
    let key = token::key(app).await?;
    let claims = token::verify(&key, given, app.store.clock.now())?;
    let found = sessions::good(&app.store.db, claims.sub).await?;
    let is_good = |session: &ChatSession| session.id == id && session.tm_end.is_none();
    let session = found.filter(is_good).ok_or_else(token::refused)?;
    Ok((session, claims))
}

/// As [`session`], and until a while after its end, for what follows a chat: a rating, a transcript.
///
/// # Errors
/// 401, 503.
pub(crate) async fn session_lately(
    app: &App,
    id: Uuid,
    given: &str,
) -> Result<(ChatSession, Claims)> {
    let key = token::key(app).await?;
    let now = app.store.clock.now();
    let claims = token::verify(&key, given, now)?;
    let found = sessions::good(&app.store.db, claims.sub).await?;
    let session = found
        .filter(|session| session.id == id && is_lately(session, now))
        .ok_or_else(token::refused)?;
    Ok((session, claims))
}

fn is_lately(session: &ChatSession, now: Timestamp) -> bool {
    session.tm_end.is_none_or(|end| now < end.plus(LATELY))
}

/// What is answered: these messages, with their files.
///
/// # Errors
/// 503.
pub(crate) async fn answer(
    app: &App,
    session: &ChatSession,
    claims: &Claims,
    messages: Vec<Message>,
    mut files: HashMap<Uuid, AttachmentView>,
) -> Result<VisitorAnswer> {
    let now = app.store.clock.now();
    let token = if token::is_old(claims, now) {
        let key = token::key(app).await?;
        Some(token::sign(&key, session, now)?)
    } else {
        None
    };
    Ok(VisitorAnswer {
        messages: messages
            .into_iter()
            .map(|message| VisitorMessage {
                attachment: files.remove(&message.id),
                ..VisitorMessage::from(message)
            })
            .collect(),
        token,
    })
}

/// A visitor says something; the first words bring them into the widget's queue.
///
/// # Errors
/// 400 naming the field; 401; 409 where the conversation ended; 503.
pub(crate) async fn say(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: &VisitorMessageCreate,
) -> Result<VisitorAnswer> {
    check(&body.client_message_id, &body.body)?;
    let (session, claims) = session(app, id, &body.token).await?;
    let mut tx = app.store.begin(ctx).await?;
    let words = (body.client_message_id.as_str(), body.body.as_str());
    let said = said(app, &mut tx, &session, words).await?;
    let answered = answer(app, &session, &claims, vec![said], HashMap::new()).await?;
    tx.commit(answered).await
}

/// The same over a socket, whose token was looked at before.
///
/// # Errors
/// 400 naming the field; 409 where the conversation ended; 503.
pub(crate) async fn say_live(
    app: &App,
    ctx: &RequestContext,
    session: &ChatSession,
    (client_message_id, body): (&str, &str),
) -> Result<Message> {
    check(client_message_id, body)?;
    let mut tx = app.store.begin(ctx).await?;
    let said = said(app, &mut tx, session, (client_message_id, body)).await?;
    tx.commit(said).await
}

async fn said(
    app: &App,
    tx: &mut ChangeTx<'_>,
    session: &ChatSession,
    (client_message_id, body): (&str, &str),
) -> Result<Message> {
    let found = tx.lock::<Conversation>(session.conversation_id).await?;
    let mut conversation = found.ok_or_else(token::refused)?;
    let customer_id = conversation.customer_id;
    let cause_key = format!("visitor:{}:{client_message_id}", conversation.id);
    if let Some(said) = messages::by_cause(tx, customer_id, &cause_key).await? {
        return say::again(said, MessageKind::Text, body);
    }
    if conversation.is_closed() {
        return Err(Error::failed_precondition(
            "CONVERSATION_CLOSED",
            "The conversation is closed.",
        ));
    }
    let said = Said {
        sender: Sender::Customer,
        sender_id: None,
        body,
        status: MessageStatus::Received,
        cause_key,
    };
    let said = say::say(tx, &mut conversation, said).await?;
    enqueue(app, tx, session, &mut conversation).await?;
    change::save(tx, &mut conversation).await?;
    said.ok_or_else(|| Error::internal("a message was said meanwhile"))
}

fn check(key: &str, body: &str) -> Result<()> {
    let is_key =
        !key.is_empty() && key.len() <= CLIENT_ID_MAX && key.bytes().all(|b| b.is_ascii_graphic());
    ensure(
        is_key,
        "client_message_id",
        "has 1 to 64 ASCII characters without spaces",
    )?;
    check_said("body", body)?;
    max_bytes("body", body, BODY_MAX)
}

/// Whoever nobody has waits in their queue, if there is one: at first the widget's, later the last one. Who comes while
/// it is closed is told.
///
/// # Errors
/// 503.
pub(crate) async fn enqueue(
    app: &App,
    tx: &mut ChangeTx<'_>,
    session: &ChatSession,
    conversation: &mut Conversation,
) -> Result<()> {
    if conversation.owner_id.is_some() || entries::is_queued(tx, conversation.id).await? {
        return Ok(());
    }
    let customer_id = conversation.customer_id;
    let Some(queue) = waiting::home(tx, customer_id, conversation.id).await? else {
        if !conversation.needs_human {
            // Where their queue is gone they wait nowhere, and somebody has to see them.
            let widget = tx.get::<Widget>(session.widget_id).await?;
            conversation.needs_human = widget.is_some_and(|widget| widget.queue_id.is_some());
        }
        return Ok(());
    };
    conversation.needs_human = true;
    let entry = waiting::enter(app, tx, customer_id, conversation.id, &queue).await?;
    let widget = tx.get::<Widget>(session.widget_id).await?;
    let now = tx.now();
    if queue.is_open(now) && widget.is_none_or(|widget| widget.is_open(now)) {
        return Ok(());
    }
    say_closed(tx, conversation, entry.id).await
}

/// Nobody is there at this hour: said once for each time that the visitor comes to wait.
async fn say_closed(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    entry_id: Uuid,
) -> Result<()> {
    let (customer_id, name) = (conversation.customer_id, "chat_after_hours");
    let body = templatehandler::text(tx, customer_id, name, Filling::default()).await?;
    let cause_key = format!("after_hours:{entry_id}");
    say::say_on_page(tx, conversation, &body, cause_key).await
}

/// What a visitor may read: no notes, and nothing that was never sent or is deleted.
///
/// # Errors
/// 401, 503.
pub(crate) async fn history(app: &App, id: Uuid, body: &History) -> Result<VisitorAnswer> {
    let (session, claims) = session(app, id, &body.token).await?;
    let span = Span {
        after: Some(body.after_seq.max(0)),
        before: None,
        limit: MESSAGES_MAX,
    };
    let (customer_id, conversation_id) = (session.customer_id, session.conversation_id);
    let found = messages::span(&app.store.db, customer_id, conversation_id, span).await?;
    let seen: Vec<Message> = found.into_iter().filter(is_for_visitors).collect();
    let files = seen
        .iter()
        .filter(|message| message.kind == MessageKind::Attachment);
    let files = files.map(|message| message.id).collect();
    let files = attachmenthandler::views(app, customer_id, files).await?;
    answer(app, &session, &claims, seen, files).await
}

/// Whether a visitor may read it.
pub(crate) fn is_for_visitors(message: &Message) -> bool {
    message.kind != MessageKind::Note
        && message.status != MessageStatus::Discarded
        && message.tm_delete.is_none()
}

/// What a visitor thought of the conversation, once, until a while after they ended it.
///
/// # Errors
/// 400 naming the field; 401; 409 when it was told before; 503.
pub(crate) async fn rate(
    app: &App,
    ctx: &RequestContext,
    conversation_id: Uuid,
    body: &CsatCreate,
) -> Result<Csat> {
    in_range("score", body.score, 1, 5)?;
    max_bytes("comment", &body.comment, COMMENT_MAX)?;
    let key = token::key(app).await?;
    let claims = token::verify(&key, &body.token, app.store.clock.now())?;
    if claims.conversation_id != conversation_id {
        return Err(token::refused());
    }
    let session = sessions::good(&app.store.db, claims.sub).await?;
    let now = app.store.clock.now();
    let may_rate = |session: &ChatSession| is_lately(session, now);
    let session = session.filter(may_rate).ok_or_else(token::refused)?;
    let mut tx = app.store.begin(ctx).await?;
    let now = tx.now();
    let csat = Csat {
        id: ids::next(),
        customer_id: session.customer_id,
        conversation_id,
        score: body.score,
        comment: body.comment.clone(),
        tm_create: now,
        tm_update: now,
    };
    let told = tx.insert(&csat).await;
    told.map_err(|error| match error.reason() {
        "ALREADY_EXISTS" => {
            Error::already_exists("CSAT_EXISTS", "The conversation was rated before.")
        }
        _ => error,
    })?;
    tx.emit(CREATED, &csat, csat.customer_id).await?;
    tx.commit(csat).await
}
