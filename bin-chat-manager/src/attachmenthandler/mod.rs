//! Attachments: taken from visitors, people of the business and carriers, and given by signed links.

pub(crate) mod allowance;
pub(crate) mod files;
mod link;
pub(crate) mod media;

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        check::{ensure, max_bytes, wrong},
        error::{Error, Result},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use crate::{
    app::App,
    conversationhandler::{change, people, say, sight},
    dbhandler::{attachments, messages},
    models::{
        attachment::{Attachment, AttachmentStatus, SIZE_MAX},
        conversation::{Channel, Conversation},
        message::{Message, MessageKind, MessageStatus, Sender},
    },
    words::filetype,
};

/// The key of links.
const KEY: &str = "attachments";
/// Longest name that is looked at, in bytes.
const NAME_MAX: usize = 255;

/// A file that a person of the business sends.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AttachmentCreate {
    /// The same for each try of one message, at most 64 bytes.
    pub client_message_id: String,
    /// The file's name, at most 255 bytes.
    #[serde(default)]
    pub name: String,
    /// Its bytes, in base64: 1 to 700,000 of them. Pictures, sounds, films, PDF and plain text are taken.
    pub content_base64: String,
    /// Who sends it; the key's user where it is missing.
    #[serde(default)]
    pub user_id: Option<Uuid>,
}

/// An attachment, and where it is for a quarter of an hour.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct AttachmentView {
    /// That of its message.
    id: Uuid,
    /// Its conversation.
    conversation_id: Uuid,
    /// The name under which it is saved.
    name: String,
    /// What it is, by its own bytes.
    media_type: String,
    /// Its size, in bytes.
    size: i64,
    /// A link that needs no key, good for 15 minutes.
    url: String,
}

/// What a link is shown with.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Shown {
    /// Until when, in seconds since 1970.
    pub expires: i64,
    /// Proves the link.
    pub signature: String,
}

/// A file as the bridge hands it out.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Content {
    /// The name under which it is saved.
    name: String,
    /// Its media type.
    media_type: String,
    /// Its bytes, in base64.
    content_base64: String,
}

fn not_found() -> Error {
    Error::not_found("ATTACHMENT_NOT_FOUND", "The attachment was not found.")
}

/// Checked bytes, and what they are.
pub(crate) struct File {
    bytes: Vec<u8>,
    pub(crate) name: String,
    media_type: &'static str,
}

impl File {
    /// Checks what a caller sent.
    ///
    /// # Errors
    /// 400 naming the field.
    pub(crate) fn read(name: &str, content_base64: &str) -> Result<Self> {
        max_bytes("name", name, NAME_MAX)?;
        let bytes = BASE64.decode(content_base64);
        let bytes = bytes.map_err(|_| wrong("content_base64", "must be base64"))?;
        Self::of(name, bytes)
    }

    /// Checks bytes that are here.
    ///
    /// # Errors
    /// 400 naming the field.
    fn of(name: &str, bytes: Vec<u8>) -> Result<Self> {
        let is_sized = (1..=SIZE_MAX).contains(&bytes.len());
        ensure(is_sized, "content_base64", "must hold 1 to 700,000 bytes")?;
        let kind = filetype::sniff(&bytes).ok_or_else(|| {
            wrong(
                "content_base64",
                "must be a picture, a sound, a film, a PDF or plain text without markup",
            )
        })?;
        Ok(Self {
            bytes,
            name: filetype::name(name, kind),
            media_type: kind.media_type,
        })
    }
}

/// Notes a file that comes, then keeps its bytes. Nobody sees it before [`said`].
///
/// # Errors
/// 503.
pub(crate) async fn stage(
    app: &App,
    conversation: &Conversation,
    file: File,
) -> Result<Attachment> {
    // The first use makes the key, which must not happen while a transaction is open.
    app.shared_key(&app.link_key, KEY).await?;
    let now = app.store.clock.now();
    let attachment = Attachment {
        id: ids::next(),
        customer_id: conversation.customer_id,
        conversation_id: conversation.id,
        status: AttachmentStatus::Pending,
        name: file.name,
        media_type: file.media_type.to_owned(),
        size: i64::try_from(file.bytes.len()).unwrap_or(i64::MAX),
        source_url: None,
        tm_create: now,
        tm_update: now,
    };
    // A transaction of its own: what ends before the message is said is swept away by its row.
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    tx.insert(&attachment).await?;
    tx.commit(()).await?;
    files::keep(app, &attachment, file.bytes).await?;
    Ok(attachment)
}

/// Takes a staged file away at once that was not said; where that fails it is swept away later.
pub(crate) async fn discard(app: &App, staged: &Attachment) {
    let removed = files::remove(app, &[(staged.customer_id, staged.id)]).await;
    let done = match removed {
        Ok(()) => attachments::drop_pending(&app.store.db, staged.id).await,
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        warn!(%error, "a file that was not said waits for the next sweep");
    }
}

/// Says a staged file in a locked conversation; none where it was said for this cause before. The caller writes the
/// conversation afterwards.
///
/// # Errors
/// 503; what may be tried again where the file was swept away meanwhile.
pub(crate) async fn say_it(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    staged: &Attachment,
    said: say::Said<'_>,
) -> Result<Option<Message>> {
    let found = tx.lock::<Attachment>(staged.id).await?;
    let is_pending = |row: &Attachment| row.status == AttachmentStatus::Pending;
    let mut row = found
        .filter(is_pending)
        .ok_or_else(|| Error::unavailable("attachments", "a file was swept away"))?;
    let message = say::say_file(tx, conversation, said, row.id).await?;
    if message.is_some() {
        row.status = AttachmentStatus::Ready;
        row.name.clone_from(&staged.name);
        row.media_type.clone_from(&staged.media_type);
        row.size = staged.size;
        row.source_url = None;
        row.tm_update = tx.next_version(row.tm_update);
        tx.update(&row).await?;
    }
    Ok(message)
}

/// A person of the business sends a file, which takes the conversation over as words do.
///
/// # Errors
/// 400 naming the field; 404; 409 where somebody else has it, it is closed, or its channel takes no files; 503.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: &AttachmentCreate,
) -> Result<AttachmentView> {
    people::check_key(&body.client_message_id)?;
    let author = people::actor(ctx, body.user_id)?;
    let file = File::read(&body.name, &body.content_base64)?;
    let seen = sight::get(app, ctx, id).await?;
    if seen.channel != Channel::Web {
        return Err(Error::failed_precondition(
            "CHANNEL_WITHOUT_FILES",
            "Files are sent to visitors of pages only.",
        ));
    }
    let cause_key = format!("human:{id}:{}", body.client_message_id);
    let db = &app.store.db;
    let before = messages::find_by_cause(db, seen.customer_id, &cause_key).await?;
    if let Some(said) = before {
        let said = say::again(said, MessageKind::Attachment, &file.name)?;
        let first = app.store.get::<Attachment>(said.id).await?;
        return view(app, &first.ok_or_else(not_found)?).await;
    }
    if seen.is_closed() {
        return Err(closed());
    }
    let staged = stage(app, &seen, file).await?;
    let shown = say_staged(app, ctx, (id, author), &staged, cause_key).await;
    if shown.as_ref().is_ok_and(|shown| shown.id == staged.id) {
        return shown;
    }
    discard(app, &staged).await;
    shown
}

/// The refusal of a file for a conversation that ended.
pub(crate) fn closed() -> Error {
    Error::failed_precondition("CONVERSATION_CLOSED", "The conversation is closed.")
}

/// What is shown: the file, or the one that was said for this cause meanwhile.
async fn say_staged(
    app: &App,
    ctx: &RequestContext,
    (id, author): (Uuid, Uuid),
    staged: &Attachment,
    cause_key: String,
) -> Result<AttachmentView> {
    let mut tx = app.store.begin(ctx).await?;
    let mut conversation = people::lock(&mut tx, ctx, id).await?;
    let customer_id = conversation.customer_id;
    if let Some(said) = messages::by_cause(&mut tx, customer_id, &cause_key).await? {
        let said = say::again(said, MessageKind::Attachment, &staged.name)?;
        let first = tx.get::<Attachment>(said.id).await?.ok_or_else(not_found)?;
        let view = view(app, &first).await?;
        return tx.commit(view).await;
    }
    people::take_to_write(app, &mut tx, &mut conversation, author).await?;
    let said = say::Said {
        sender: Sender::Human,
        sender_id: Some(author),
        body: &staged.name,
        status: MessageStatus::Sent,
        cause_key,
    };
    say_it(&mut tx, &mut conversation, staged, said).await?;
    people::answered(&mut tx, &mut conversation).await?;
    change::save(&mut tx, &mut conversation).await?;
    let view = view(app, staged).await?;
    tx.commit(view).await
}

/// An attachment with a fresh link.
///
/// # Errors
/// 503.
pub(crate) async fn view(app: &App, of: &Attachment) -> Result<AttachmentView> {
    let key = app.shared_key(&app.link_key, KEY).await?;
    let url = link::sign(&key, &app.settings.public_url, of.id, app.store.clock.now())?;
    Ok(AttachmentView {
        id: of.id,
        conversation_id: of.conversation_id,
        name: of.name.clone(),
        media_type: of.media_type.clone(),
        size: of.size,
        url,
    })
}

/// Those of these messages that can be had, by message, with fresh links.
///
/// # Errors
/// 503.
pub(crate) async fn views(
    app: &App,
    customer_id: Uuid,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, AttachmentView>> {
    let mut views = HashMap::new();
    for found in attachments::ready(&app.store.db, customer_id, &ids).await? {
        views.insert(found.id, view(app, &found).await?);
    }
    Ok(views)
}

/// An attachment that the caller may see.
///
/// # Errors
/// 404, 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<AttachmentView> {
    let found = app.store.get::<Attachment>(id).await?;
    let attachment = found
        .filter(|row| row.status == AttachmentStatus::Ready && ctx.scope.allows(row.customer_id))
        .ok_or_else(not_found)?;
    let seen = sight::get(app, ctx, attachment.conversation_id).await;
    seen.map_err(|error| match error.reason() {
        "CONVERSATION_NOT_FOUND" => not_found(),
        _ => error,
    })?;
    view(app, &attachment).await
}

/// The file of a link.
///
/// # Errors
/// 403 where the link is not right, or not any more; 404; 503.
pub(crate) async fn content(app: &App, id: Uuid, shown: &Shown) -> Result<Content> {
    let key = app.shared_key(&app.link_key, KEY).await?;
    let now = app.store.clock.now();
    if !link::is_good(&key, id, shown.expires, &shown.signature, now)? {
        return Err(Error::permission_denied(
            "BAD_LINK",
            "The link is not right, or not any more.",
        ));
    }
    let found = app.store.get::<Attachment>(id).await?;
    let attachment = found
        .filter(|row| row.status == AttachmentStatus::Ready)
        .ok_or_else(not_found)?;
    let bytes = files::read(app, &attachment).await?;
    let bytes = bytes.ok_or_else(not_found)?;
    Ok(Content {
        name: attachment.name,
        media_type: attachment.media_type,
        content_base64: BASE64.encode(bytes),
    })
}
