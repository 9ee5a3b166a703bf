//! Somebody types: told to who follows now, and kept nowhere.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::EventPayload,
    models::{
        check::ensure,
        error::{Error, Result},
    },
    resource,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::participant::{self, Participant};
use crate::{
    app::App,
    models::{
        conversation::Conversation,
        message::{MessageKind, Sender},
    },
};

/// Told when somebody begins or stops.
const CHANGED: &str = "typing_changed";

/// Whether somebody types.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Typing {
    /// True when they do.
    pub on: bool,
    /// What they write: `text`, or `note`, which is told to nobody, as the visitor would see it, too.
    #[serde(default)]
    pub kind: MessageKind,
}

/// What is told of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TypingView {
    conversation_id: Uuid,
    on: bool,
    /// The side that types.
    by: Sender,
    /// Who of the business.
    user_id: Option<Uuid>,
}

/// Somebody types, or stops. Who only watches is not told of.
///
/// # Errors
/// 400 naming the field; 404; 429 where they do too often; 503.
pub(crate) async fn typing(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: &Typing,
) -> Result<TypingView> {
    let is_kind = matches!(body.kind, MessageKind::Text | MessageKind::Note);
    ensure(is_kind, "kind", "must be text or note")?;
    let who = participant::of(app, ctx, id).await?;
    let conversation = resource::get::<Conversation, App>(app, ctx, id).await?;
    let is_seen = who.is_seen(&conversation) && body.kind == MessageKind::Text;
    let typist = match &who {
        Participant::Visitor(session) => session.id,
        Participant::Staff(user) => *user,
    };
    app.pace.take((id, typist), app.store.clock.now())?;
    let view = TypingView {
        conversation_id: id,
        on: body.on,
        by: who.side(),
        user_id: match who {
            Participant::Visitor(_) => None,
            Participant::Staff(user) => Some(user),
        },
    };
    if !is_seen {
        return Ok(view);
    }
    let mut tx = app.store.begin(ctx).await?;
    let payload = EventPayload {
        resource_id: id,
        customer_id: conversation.customer_id,
        version: tx.now(),
        data: serde_json::to_string(&view).map_err(Error::internal)?,
    };
    tx.emit_payload(CHANGED, payload).await?;
    tx.commit(view).await
}
