//! Files of visitors.

use std::collections::HashMap;

use bin_common_handler::{context::RequestContext, models::error::Result};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    token::{self, Claims},
    visitor,
};
use crate::{
    app::App,
    attachmenthandler::{self, File, allowance, say_it, stage, view, views},
    conversationhandler::{change, people, say},
    dbhandler::messages,
    models::{
        attachment::Attachment,
        chatsession::ChatSession,
        conversation::Conversation,
        message::{MessageKind, MessageStatus, Sender},
    },
};

/// A file that a visitor sends.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct VisitorAttachmentCreate {
    /// The visitor's token.
    pub token: String,
    /// The same for each try of one message, at most 64 bytes.
    pub client_message_id: String,
    /// The file's name, at most 255 bytes.
    #[serde(default)]
    pub name: String,
    /// Its bytes, in base64: 1 to 700,000 of them. Pictures, sounds, films, PDF and plain text are taken.
    pub content_base64: String,
}

/// A visitor sends a file.
///
/// # Errors
/// 400 naming the field; 401; 409 where the conversation ended; 429 where it has too many bytes of files; 503.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    session_id: Uuid,
    body: &VisitorAttachmentCreate,
) -> Result<visitor::VisitorAnswer> {
    people::check_key(&body.client_message_id)?;
    // Who has no token is told before anything is read.
    let (session, claims) = visitor::session(app, session_id, &body.token).await?;
    let file = File::read(&body.name, &body.content_base64)?;
    let seen = app
        .store
        .get::<Conversation>(session.conversation_id)
        .await?;
    let seen = seen.ok_or_else(token::refused)?;
    let customer_id = seen.customer_id;
    let cause_key = format!("visitor:{}:{}", seen.id, body.client_message_id);
    let before = messages::find_by_cause(&app.store.db, customer_id, &cause_key).await?;
    if let Some(before) = before {
        let before = say::again(before, MessageKind::Attachment, &file.name)?;
        let files = views(app, customer_id, vec![before.id]).await?;
        return visitor::answer(app, &session, &claims, vec![before], files).await;
    }
    if seen.is_closed() {
        return Err(attachmenthandler::closed());
    }
    allowance::check(app, &seen, &file).await?;
    let staged = stage(app, &seen, file).await?;
    let said = say(app, ctx, (&session, &claims), &staged, cause_key).await;
    match said {
        Ok((answered, true)) => Ok(answered),
        other => {
            attachmenthandler::discard(app, &staged).await;
            other.map(|(answered, _)| answered)
        }
    }
}

/// What is answered, and whether the staged file was said: another try of the same message may have been faster.
async fn say(
    app: &App,
    ctx: &RequestContext,
    (session, claims): (&ChatSession, &Claims),
    staged: &Attachment,
    cause_key: String,
) -> Result<(visitor::VisitorAnswer, bool)> {
    let mut tx = app.store.begin(ctx).await?;
    let found = tx.lock::<Conversation>(session.conversation_id).await?;
    let mut conversation = found.ok_or_else(token::refused)?;
    let customer_id = conversation.customer_id;
    let before = messages::by_cause(&mut tx, customer_id, &cause_key).await?;
    if let Some(before) = before {
        let before = say::again(before, MessageKind::Attachment, &staged.name)?;
        let files = views(app, customer_id, vec![before.id]).await?;
        let answered = visitor::answer(app, session, claims, vec![before], files).await?;
        return tx.commit((answered, false)).await;
    }
    if conversation.is_closed() {
        return Err(attachmenthandler::closed());
    }
    let said = say::Said {
        sender: Sender::Customer,
        sender_id: None,
        body: &staged.name,
        status: MessageStatus::Received,
        cause_key,
    };
    let said = say_it(&mut tx, &mut conversation, staged, said).await?;
    visitor::enqueue(app, &mut tx, session, &mut conversation).await?;
    change::save(&mut tx, &mut conversation).await?;
    let files = HashMap::from([(staged.id, view(app, staged).await?)]);
    let said = said.into_iter().collect();
    let answered = visitor::answer(app, session, claims, said, files).await?;
    tx.commit((answered, true)).await
}
