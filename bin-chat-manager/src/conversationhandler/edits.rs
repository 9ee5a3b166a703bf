//! What was said is said otherwise, or taken back. What a carrier has cannot be.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        check::max_bytes,
        error::{Error, Result},
        text::check_said,
    },
    resource,
};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    events,
    people::{actor, closed},
    sight,
};
use crate::{
    app::App,
    dbhandler::embeddings,
    models::{
        conversation::{Channel, Conversation},
        message::{BODY_MAX, Message, MessageKind, Sender, UPDATED},
    },
};

/// What is said in its place.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Edit {
    /// The words, at most 1,600 bytes.
    pub body: String,
    /// Who said it; the access key where it is missing.
    #[serde(default)]
    pub user_id: Option<Uuid>,
}

/// Says a message otherwise. The same words again change nothing.
///
/// # Errors
/// 400 naming the field; 403 where another one said it; 404; 409 where the conversation is closed or another's, a carrier has it,
/// or it is a file.
pub(crate) async fn edit(
    app: &App,
    ctx: &RequestContext,
    (conversation_id, id): (Uuid, Uuid),
    body: &Edit,
) -> Result<Message> {
    check_said("body", &body.body)?;
    max_bytes("body", &body.body, BODY_MAX)?;
    let author = actor(ctx, body.user_id)?;
    sight::ensure(app, ctx, conversation_id).await?;
    let mut tx = app.store.begin(ctx).await?;
    let (mut conversation, mut message) = hold(&mut tx, ctx, conversation_id, id).await?;
    ensure_own(&message, author)?;
    if message.body == body.body {
        return tx.commit(message).await;
    }
    message.body.clone_from(&body.body);
    save(&mut tx, &mut conversation, &mut message).await?;
    tx.commit(message).await
}

/// Takes a message back: its words are gone.
///
/// # Errors
/// 403 where another one said it; 404; 409 where the conversation is closed or another's, a carrier has it,
/// or it is a file.
pub(crate) async fn delete(
    app: &App,
    ctx: &RequestContext,
    (conversation_id, id): (Uuid, Uuid),
    user_id: Option<Uuid>,
) -> Result<Message> {
    let author = actor(ctx, user_id)?;
    sight::ensure(app, ctx, conversation_id).await?;
    let mut tx = app.store.begin(ctx).await?;
    let (mut conversation, mut message) = hold(&mut tx, ctx, conversation_id, id).await?;
    ensure_own(&message, author)?;
    message.body.clear();
    message.tm_delete = Some(tx.now());
    save(&mut tx, &mut conversation, &mut message).await?;
    tx.commit(message).await
}

async fn hold(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    conversation_id: Uuid,
    id: Uuid,
) -> Result<(Conversation, Message)> {
    let conversation = resource::lock_live::<Conversation>(tx, ctx, conversation_id).await?;
    sight::ensure_free(ctx, &conversation)?;
    let found = tx.lock::<Message>(id).await?;
    let message = found
        .filter(|it| it.conversation_id == conversation_id && it.tm_delete.is_none())
        .ok_or_else(|| Error::not_found("MESSAGE_NOT_FOUND", "The message was not found."))?;
    if conversation.is_closed() {
        return Err(closed());
    }
    if conversation.channel != Channel::Web && message.kind != MessageKind::Note {
        return Err(Error::failed_precondition(
            "MESSAGE_SENT",
            "What was handed to a carrier cannot be changed.",
        ));
    }
    if message.kind == MessageKind::Attachment {
        return Err(Error::failed_precondition(
            "FILE_SENT",
            "A file cannot be changed, or taken back.",
        ));
    }
    Ok((conversation, message))
}

fn ensure_own(message: &Message, actor: Uuid) -> Result<()> {
    if message.sender == Sender::Human && message.sender_id == Some(actor) {
        return Ok(());
    }
    Err(Error::permission_denied(
        "NOT_YOUR_MESSAGE",
        "Only who said it may change it.",
    ))
}

async fn save(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    message: &mut Message,
) -> Result<()> {
    message.tm_update = tx.next_version(message.tm_update);
    tx.update(message).await?;
    // Its vector is of other words; the event below has it made anew.
    embeddings::forget(tx, message.customer_id, message.id).await?;
    tx.emit(UPDATED, message, message.customer_id).await?;
    events::changed(tx, conversation, message).await?;
    events::keep_numbers(tx, conversation).await
}
