//! Conversations: how they open, who has them, how they end.

mod appointments;
pub(crate) mod campaign;
pub(crate) mod change;
pub(crate) mod edits;
pub(crate) mod events;
pub(crate) mod open;
pub(crate) mod optouts;
pub(crate) mod participant;
pub(crate) mod people;
pub(crate) mod question;
pub(crate) mod receipts;
pub(crate) mod replay;
pub(crate) mod say;
pub(crate) mod sight;
pub(crate) mod takeover;
pub(crate) mod timers;
pub(crate) mod typing;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::{check::in_range, error::Result},
    resource::ResourceHooks,
};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::messages::{self, Span},
    models::{conversation::Conversation, message::Message, turn::Turn},
};

/// Messages of one answer.
const MESSAGES_MAX: i64 = 1_000;
/// The same, where nothing else is asked for.
const MESSAGES_USUAL: i64 = 100;

impl ResourceHooks<Conversation> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.owner(named.unwrap_or_default())
    }

    async fn before_write(
        &self,
        _: &mut ChangeTx<'_>,
        _: &RequestContext,
        _: Option<&Conversation>,
        _: &mut Conversation,
    ) -> Result<()> {
        Ok(())
    }
}

impl ResourceHooks<Turn> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.owner(named.unwrap_or_default())
    }

    async fn before_write(
        &self,
        _: &mut ChangeTx<'_>,
        _: &RequestContext,
        _: Option<&Turn>,
        _: &mut Turn,
    ) -> Result<()> {
        Ok(())
    }
}

/// Messages of a conversation, in their order.
///
/// # Errors
/// 404, 503.
pub(crate) async fn messages(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    after: Option<i64>,
    before: Option<i64>,
    limit: Option<i64>,
) -> Result<Vec<Message>> {
    let conversation = sight::get(app, ctx, id).await?;
    let span = Span {
        after,
        before,
        limit: page(limit)?,
    };
    messages::span(&app.store.db, conversation.customer_id, id, span).await
}

fn page(limit: Option<i64>) -> Result<i64> {
    let limit = limit.unwrap_or(MESSAGES_USUAL);
    in_range("limit", limit, 1, MESSAGES_MAX)?;
    Ok(limit)
}

/// Private notes of a conversation, in their order.
///
/// # Errors
/// 404, 503.
pub(crate) async fn notes(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    after: i64,
    limit: Option<i64>,
) -> Result<Vec<Message>> {
    let conversation = sight::get(app, ctx, id).await?;
    let limit = page(limit)?;
    messages::notes(
        &app.store.db,
        conversation.customer_id,
        id,
        after.max(0),
        limit,
    )
    .await
}
