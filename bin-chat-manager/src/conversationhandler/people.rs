//! People of the business: they take a conversation over, write in it, let it go, end it. They always go before the
//! assistant.

use std::sync::Arc;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        check::{ensure, max_bytes},
        error::{Error, Result},
        text::check_said,
    },
    resource,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    appointments::{self, About},
    change, open, optouts, say,
    sight::{self, not_taken, taken},
    timers,
};
use crate::{
    app::{App, Job},
    businesshandler, contacthandler,
    dbhandler::{conversations, messages},
    entryhandler::{
        assigning,
        ending::conversation_left,
        waiting::{Again, come_back},
    },
    models::{
        business::Business,
        conversation::{BlockReason, Channel, Conversation},
        message::{BODY_MAX, Message, MessageKind, MessageStatus, Sender},
    },
};

/// Longest id that a client gives a message, in bytes.
const CLIENT_ID_MAX: usize = 64;

/// Who acts; the access key where it is missing.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Actor {
    /// The user.
    #[serde(default)]
    pub user_id: Option<Uuid>,
}

/// What a person of the business says.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct MessageCreate {
    /// The same for each try of one message, at most 64 bytes.
    pub client_message_id: String,
    /// The words, at most 1,600 bytes. Of an appointment they may be missing: its title, time and place then.
    #[serde(default)]
    pub body: String,
    /// Who says it; the access key where it is missing.
    #[serde(default)]
    pub user_id: Option<Uuid>,
    /// `text`, `note` for people of the business only, or `appointment`; a text where it is missing.
    #[serde(default)]
    pub kind: MessageKind,
    /// The appointment, of the kind `appointment`: of this conversation, or of none.
    #[serde(default)]
    pub appointment_id: Option<Uuid>,
}

/// Who acts: the key's user, else the one that is named, else the access key, else the operator. Nobody acts in another
/// user's name.
///
/// # Errors
/// 403 `USER_MISMATCH`.
pub(crate) fn actor(ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
    match (ctx.user_id, named) {
        (Some(own), Some(named)) if own != named => Err(Error::permission_denied(
            "USER_MISMATCH",
            "The access key stands for another user; leave user_id out.",
        )),
        (own, named) => Ok(own.or(named).or(ctx.access_key_id).unwrap_or_default()),
    }
}

/// Nothing more happens in it.
pub(super) fn closed() -> Error {
    Error::failed_precondition("CONVERSATION_CLOSED", "The conversation is closed.")
}

/// Whoever wrote was erased: there is nobody to write to.
fn erased() -> Error {
    Error::failed_precondition(
        "PERSON_ERASED",
        "The person of this conversation was erased; nothing can be sent in it.",
    )
}

/// Nothing may be sent from this number.
pub(super) fn blocked() -> Error {
    Error::failed_precondition(
        "CONVERSATION_BLOCKED",
        "Nothing may be sent: the number's registration is not approved, or the business is suspended.",
    )
}

/// A live conversation of the caller's tenant, held.
///
/// # Errors
/// 404, 503.
pub(crate) async fn lock(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    id: Uuid,
) -> Result<Conversation> {
    resource::lock_live::<Conversation>(tx, ctx, id).await
}

/// From now on it is this person's. The caller writes it.
///
/// # Errors
/// 503.
pub(crate) async fn give(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    owner: Uuid,
) -> Result<()> {
    conversation.interrupt();
    conversation.owner_id = Some(owner);
    conversation.needs_human = false;
    change::cancel_timers(tx, conversation).await?;
    if conversation.is_unanswered() {
        timers::watch_silence(tx, conversation).await?;
    }
    Ok(())
}

/// Lets a conversation go: people have the whole window once more, then the assistant answers. A page has no assistant, so
/// its visitor waits in the queue again.
///
/// # Errors
/// 404; 409 where nobody has it, or it is closed.
pub(crate) async fn release(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Conversation> {
    let seen = sight::get(app, ctx, id).await?;
    let business = business(app, &seen).await?;
    let mut tx = app.store.begin(ctx).await?;
    let mut conversation = lock(&mut tx, ctx, id).await?;
    if conversation.is_closed() {
        return Err(closed());
    }
    sight::ensure_free(ctx, &conversation)?;
    let owner_id = conversation.owner_id.take().ok_or_else(not_taken)?;
    conversation.interrupt();
    conversation_left(&mut tx, id, "released").await?;
    if conversation.channel == Channel::Web {
        let (customer_id, again) = (conversation.customer_id, Again::LetGo(owner_id));
        conversation.needs_human = come_back(&mut tx, customer_id, id, again).await?;
    }
    change::cancel_timers(&mut tx, &conversation).await?;
    wait_anew(&mut tx, &mut conversation, business.as_deref()).await?;
    change::save(&mut tx, &mut conversation).await?;
    tx.commit(conversation).await
}

/// Whoever asked and was not answered: people have the whole window once more, then the assistant answers, and their
/// silence is watched.
async fn wait_anew(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    business: Option<&Business>,
) -> Result<()> {
    if let Some(business) = business {
        let delay = business.ai_takeover_delay_seconds;
        timers::open_window(tx, conversation, delay).await?;
    }
    if conversation.is_unanswered() {
        timers::watch_silence(tx, conversation).await?;
    }
    Ok(())
}

/// The business of a number; pages have none.
async fn business(app: &App, of: &Conversation) -> Result<Option<Arc<Business>>> {
    match of.channel {
        Channel::Web => Ok(None),
        _ => businesshandler::of_tenant(app, &of.number, of.customer_id).await,
    }
}

/// Ends a conversation. Nothing is sent in it any more.
///
/// # Errors
/// 404; 409 where it is closed.
pub(crate) async fn close(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Conversation> {
    sight::get(app, ctx, id).await?;
    let mut tx = app.store.begin(ctx).await?;
    let mut conversation = lock(&mut tx, ctx, id).await?;
    if conversation.is_closed() {
        return Err(closed());
    }
    sight::ensure_free(ctx, &conversation)?;
    end(&mut tx, &mut conversation).await?;
    tx.commit(conversation).await
}

/// Ends a locked conversation.
///
/// # Errors
/// 503.
pub(crate) async fn end(tx: &mut ChangeTx<'_>, conversation: &mut Conversation) -> Result<()> {
    conversation.interrupt();
    conversation.owner_id = None;
    conversation.open_key = None;
    conversation.tm_closed = Some(tx.now());
    conversation_left(tx, conversation.id, "closed").await?;
    change::cancel_timers(tx, conversation).await?;
    timers::nobody_waits(tx, conversation).await?;
    change::save(tx, conversation).await
}

/// Opens a conversation again. What was asked in it and not answered waits for an answer, as after a release.
///
/// # Errors
/// 404; 409 where it is open, or another one with the same person is, or they were erased.
pub(crate) async fn reopen(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Conversation> {
    let seen = sight::get(app, ctx, id).await?;
    let business = business(app, &seen).await?;
    let hash = contacthandler::hash(app, &seen.person).await?;
    let mut tx = app.store.begin(ctx).await?;
    let mut conversation = lock(&mut tx, ctx, id).await?;
    if !conversation.is_closed() {
        return Err(Error::failed_precondition(
            "CONVERSATION_OPEN",
            "The conversation is open.",
        ));
    }
    if conversation.is_erased() {
        return Err(erased());
    }
    let (customer_id, channel) = (conversation.customer_id, conversation.channel);
    let person = conversation.person.clone();
    let beside = conversations::lock_open(&mut tx, customer_id, channel, &person).await?;
    if let Some(beside) = beside {
        return Err(open_beside().with_detail(json!({ "conversation_id": beside.id })));
    }
    let contact = contacthandler::lock(&mut tx, customer_id, &hash, &person).await?;
    conversation.open_key = Some(Conversation::key(channel, &person));
    conversation.tm_closed = None;
    if let Some(business) = &business {
        open::settle_blocks(&mut conversation, &contact, business);
    }
    timers::watch_quiet(&mut tx, &conversation).await?;
    wait_anew(&mut tx, &mut conversation, business.as_deref()).await?;
    let saved = change::save(&mut tx, &mut conversation).await;
    saved.map_err(|error| match error.reason() {
        "ALREADY_EXISTS" => open_beside(),
        _ => error,
    })?;
    tx.commit(conversation).await
}

fn open_beside() -> Error {
    Error::failed_precondition(
        "ANOTHER_CONVERSATION_OPEN",
        "Another conversation with this person is open.",
    )
}

/// Says something as a person of the business, which takes the conversation over.
///
/// # Errors
/// 400 naming the field; 403 `OPTED_OUT`; 404; 409 where somebody else has it, it is closed, nothing may be sent, or the
/// person was erased.
pub(crate) async fn write(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: &MessageCreate,
) -> Result<Message> {
    check(body)?;
    let author = actor(ctx, body.user_id)?;
    let seen = sight::get(app, ctx, id).await?;
    let about = appointments::about(app, ctx, &seen, body).await?;
    let is_numbers = business(app, &seen).await;
    let hash = contacthandler::hash(app, &seen.person).await?;
    let mut tx = app.store.begin(ctx).await?;
    let mut conversation = lock(&mut tx, ctx, id).await?;
    let cause_key = format!("human:{id}:{}", body.client_message_id);
    if let Some(said) = messages::by_cause(&mut tx, conversation.customer_id, &cause_key).await? {
        return tx.commit(appointments::again(said, body)?).await;
    }
    if conversation.is_closed() {
        return Err(closed());
    }
    if body.kind == MessageKind::Note {
        let note = say::note(&mut tx, &mut conversation, author, &body.body, cause_key).await?;
        change::save(&mut tx, &mut conversation).await?;
        return tx.commit(note).await;
    }
    if conversation.is_erased() {
        return Err(erased());
    }
    let customer_id = conversation.customer_id;
    // Where nobody can say whose number it is, the text waits.
    if conversation.channel != Channel::Web && matches!(is_numbers, Ok(None)) {
        return Err(businesshandler::number_gone());
    }
    let mut contact =
        contacthandler::lock(&mut tx, customer_id, &hash, &conversation.person).await?;
    if contact.opted_out
        || conversation
            .block_reasons
            .0
            .contains(&BlockReason::OptedOut)
    {
        return Err(contacthandler::opted_out());
    }
    if contacthandler::takes_no_texts(&contact, tx.now()) {
        return Err(contacthandler::unreachable());
    }
    take_to_write(app, &mut tx, &mut conversation, author).await?;
    // Whoever writes has looked, and decided that texts are wanted.
    optouts::let_go_on(&mut tx, &mut contact).await?;
    let said = say::Said {
        sender: Sender::Human,
        sender_id: Some(author),
        body: about.as_ref().map_or(&body.body, About::words),
        status: if conversation.channel == Channel::Web {
            // Pages fetch it; no carrier has to.
            MessageStatus::Sent
        } else {
            MessageStatus::Queued
        },
        cause_key,
    };
    let said = match &about {
        Some(about) => say::say_appointment(&mut tx, &mut conversation, said, about.id).await?,
        None => say::say(&mut tx, &mut conversation, said).await?,
    };
    answered(&mut tx, &mut conversation).await?;
    change::save(&mut tx, &mut conversation).await?;
    let message = said.ok_or_else(|| Error::internal("a message was said meanwhile"))?;
    let message = tx.commit(message).await?;
    app.offer(Job::Send(message.id));
    Ok(message)
}

/// Whoever writes has the conversation from now on.
///
/// # Errors
/// 409 where somebody else has it, it is closed, nothing may be sent, or an agent has as many chats as fit.
pub(crate) async fn take_to_write(
    app: &App,
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    author: Uuid,
) -> Result<()> {
    if conversation.is_closed() {
        return Err(closed());
    }
    if conversation.is_blocked() {
        return Err(blocked());
    }
    match conversation.owner_id {
        Some(owner_id) if owner_id != author => Err(taken(owner_id)),
        Some(_) => Ok(()),
        None => {
            give(tx, conversation, author).await?;
            let taken = (conversation.customer_id, conversation.id);
            assigning::taken(app, tx, taken, author).await
        }
    }
}

/// Whatever the person asked is answered.
///
/// # Errors
/// 503.
pub(crate) async fn answered(tx: &mut ChangeTx<'_>, conversation: &mut Conversation) -> Result<()> {
    conversation.answered_seq = conversation.inbound_seq;
    timers::nobody_waits(tx, conversation).await
}

fn check(body: &MessageCreate) -> Result<()> {
    check_key(&body.client_message_id)?;
    let is_said = matches!(
        body.kind,
        MessageKind::Text | MessageKind::Note | MessageKind::Appointment
    );
    ensure(is_said, "kind", "must be text, note or appointment")?;
    let may_be_empty = body.kind == MessageKind::Appointment && body.body.is_empty();
    if !may_be_empty {
        check_said("body", &body.body)?;
    }
    max_bytes("body", &body.body, BODY_MAX)
}

/// Checks the id that a client gives a message.
///
/// # Errors
/// 400 naming the field.
pub(crate) fn check_key(key: &str) -> Result<()> {
    let is_key =
        !key.is_empty() && key.len() <= CLIENT_ID_MAX && key.bytes().all(|b| b.is_ascii_graphic());
    ensure(
        is_key,
        "client_message_id",
        "has 1 to 64 ASCII characters without spaces",
    )
}
