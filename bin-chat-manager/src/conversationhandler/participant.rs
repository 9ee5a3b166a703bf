//! Who takes part in a conversation: its visitor, or somebody of the business.

use bin_common_handler::{context::RequestContext, models::error::Result, resource};
use uuid::Uuid;

use super::{people, sight};
use crate::{
    app::App,
    dbhandler::sessions,
    models::{
        chatsession::ChatSession,
        conversation::Conversation,
        message::{Direction, Sender},
    },
};

/// Who takes part in a conversation.
pub(crate) enum Participant {
    /// The person, by a session that goes on.
    Visitor(Box<ChatSession>),
    /// Somebody of the business: the key's user, else the access key, else the operator.
    Staff(Uuid),
}

impl Participant {
    /// The side that speaks.
    pub(crate) const fn side(&self) -> Sender {
        match self {
            Self::Visitor(_) => Sender::Customer,
            Self::Staff(_) => Sender::Human,
        }
    }

    /// The way of what this side reads.
    pub(crate) const fn reads(&self) -> Direction {
        match self {
            Self::Visitor(_) => Direction::Outbound,
            Self::Staff(_) => Direction::Inbound,
        }
    }

    /// Whether what this side reads and types is told to the other: of the business it is whoever has the conversation,
    /// or anybody while nobody does; who only watches is not seen.
    pub(crate) fn is_seen(&self, conversation: &Conversation) -> bool {
        match self {
            Self::Visitor(_) => true,
            Self::Staff(user) => conversation.owner_id.is_none_or(|owner| owner == *user),
        }
    }

    /// Whether private notes are for them.
    pub(crate) const fn reads_notes(&self) -> bool {
        matches!(self, Self::Staff(_))
    }
}

/// Who asks, of a conversation that they may see.
///
/// # Errors
/// 404 for a foreign conversation, for one that the visitor's session is not about, and for one that an agent may not see;
/// 503.
pub(crate) async fn of(
    app: &App,
    ctx: &RequestContext,
    conversation_id: Uuid,
) -> Result<Participant> {
    let Some(session_id) = ctx.visitor_id else {
        sight::ensure(app, ctx, conversation_id).await?;
        return people::actor(ctx, None).map(Participant::Staff);
    };
    let found = sessions::good(&app.store.db, session_id).await?;
    let now = app.store.clock.now();
    found
        .filter(|session| session.conversation_id == conversation_id && session.is_live(now))
        .map(|session| Participant::Visitor(Box::new(session)))
        .ok_or_else(resource::not_found::<Conversation>)
}
