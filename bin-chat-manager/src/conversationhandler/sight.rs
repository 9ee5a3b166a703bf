//! Which conversations somebody may see: everything of their tenant, but for agents, who see their own and what waits in
//! queues whose skills they have.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{Db, ListQuery},
    listenhandler::List,
    models::{
        error::{Error, Result},
        role::Role,
    },
    resource,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::sights::{self, Sight},
    models::conversation::Conversation,
};

/// What an agent sees; none for everybody else, who sees everything of their tenant.
///
/// # Errors
/// 503.
pub(crate) async fn of(db: &Db, ctx: &RequestContext) -> Result<Option<Sight>> {
    if ctx.role != Some(Role::Agent) {
        return Ok(None);
    }
    let (customer_id, user_id) = (
        ctx.scope.customer_id().unwrap_or_default(),
        ctx.user_id.unwrap_or_default(),
    );
    sights::of_agent(db, customer_id, user_id).await.map(Some)
}

/// A conversation that the caller may see.
///
/// # Errors
/// 404, 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Conversation> {
    let found = resource::get::<Conversation, App>(app, ctx, id).await?;
    let db = &app.store.db;
    match of(db, ctx).await? {
        Some(sight) if !sights::sees(db, &sight, &found).await? => {
            Err(resource::not_found::<Conversation>())
        }
        _ => Ok(found),
    }
}

/// That an agent may see a conversation; whether it is another caller's, that caller finds out by reading it.
///
/// # Errors
/// 404, 503.
pub(crate) async fn ensure(app: &App, ctx: &RequestContext, id: Uuid) -> Result<()> {
    if ctx.role == Some(Role::Agent) {
        get(app, ctx, id).await?;
    }
    Ok(())
}

/// Somebody has it.
pub(super) fn taken(owner_id: Uuid) -> Error {
    Error::failed_precondition("CONVERSATION_TAKEN", "Somebody has this conversation.")
        .with_detail(json!({ "owner_id": owner_id }))
}

/// Nobody has it.
pub(super) fn not_taken() -> Error {
    Error::failed_precondition("CONVERSATION_NOT_TAKEN", "Nobody has this conversation.")
}

/// That a held conversation is not another's: agents act on what they have, and on what nobody has.
///
/// # Errors
/// 409 `CONVERSATION_TAKEN`.
pub(crate) fn ensure_free(ctx: &RequestContext, conversation: &Conversation) -> Result<()> {
    match conversation.owner_id {
        Some(owner_id) if ctx.role == Some(Role::Agent) && ctx.user_id != Some(owner_id) => {
            Err(taken(owner_id))
        }
        _ => Ok(()),
    }
}

/// That a held conversation is the agent's own who acts: what nobody has is not theirs to give away.
///
/// # Errors
/// 409 `CONVERSATION_TAKEN`, `CONVERSATION_NOT_TAKEN`.
pub(crate) fn ensure_own(ctx: &RequestContext, conversation: &Conversation) -> Result<()> {
    if ctx.role == Some(Role::Agent) && conversation.owner_id.is_none() {
        return Err(not_taken());
    }
    ensure_free(ctx, conversation)
}

/// Conversations that the caller may see, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn list(
    app: &App,
    ctx: &RequestContext,
    wanted: List,
) -> Result<Vec<Conversation>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    let db = &app.store.db;
    if let Some(sight) = of(db, ctx).await? {
        let (condition, values) = sight.condition();
        query = query.confined(&condition, values);
    }
    db.list(&query, |found: &Conversation| found.tm_create)
        .await
}
