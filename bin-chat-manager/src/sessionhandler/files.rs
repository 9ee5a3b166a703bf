//! Files of visitors.

use std::collections::HashMap;

use bin_common_handler::{
    context::RequestContext,
    models::error::{Error, Result},
};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::{token, visitor};
use crate::{
    app::App,
    attachmenthandler::{File, say_it, stage, view, views},
    conversationhandler::{change, people, say},
    dbhandler::messages,
    models::{
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
/// 400 naming the field; 401; 409 where the conversation ended; 503.
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
    let staged = stage(app, &seen, file).await?;
    let mut tx = app.store.begin(ctx).await?;
    let found = tx.lock::<Conversation>(session.conversation_id).await?;
    let mut conversation = found.ok_or_else(token::refused)?;
    let cause_key = format!("visitor:{}:{}", conversation.id, body.client_message_id);
    let customer_id = conversation.customer_id;
    let before = messages::by_cause(&mut tx, customer_id, &cause_key).await?;
    if before.is_none() && conversation.is_closed() {
        return Err(Error::failed_precondition(
            "CONVERSATION_CLOSED",
            "The conversation is closed.",
        ));
    }
    let said = match before {
        // The staged copy is swept away.
        Some(before) => Some(say::again(before, MessageKind::Attachment, &staged.name)?),
        None => {
            let said = say::Said {
                sender: Sender::Customer,
                sender_id: None,
                body: &staged.name,
                status: MessageStatus::Received,
                cause_key,
            };
            let said = say_it(&mut tx, &mut conversation, &staged, said).await?;
            visitor::enqueue(app, &mut tx, &session, &mut conversation).await?;
            change::save(&mut tx, &mut conversation).await?;
            said
        }
    };
    let files = said.iter().map(|message| message.id);
    let files = match said.as_ref().filter(|message| message.id == staged.id) {
        Some(_) => HashMap::from([(staged.id, view(app, &staged).await?)]),
        None => views(app, customer_id, files.collect()).await?,
    };
    let said = said.into_iter().collect();
    let answered = visitor::answer(app, &session, &claims, said, files).await?;
    tx.commit(answered).await
}
