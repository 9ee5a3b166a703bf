//! Who takes a conversation over, and from whom.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{error::Result, role::Role},
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{
    change,
    people::{Actor, actor, closed, give, lock},
    sight::{self, taken},
};
use crate::{
    app::App, dbhandler::agents, entryhandler::assigning, models::conversation::Conversation,
};

/// Who has a conversation now, and who had it before.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TakenOver {
    #[serde(flatten)]
    conversation: Conversation,
    /// The agent from whom a supervisor took it; null where nobody had it.
    former_owner_id: Option<Uuid>,
}

/// Takes a conversation over: whatever the assistant was about to say is said no more. Supervisors take it from an agent,
/// too.
///
/// # Errors
/// 404; 409 where an equal has it, it is closed, or an agent has as many chats as fit.
pub(crate) async fn takeover(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    by: &Actor,
) -> Result<TakenOver> {
    let author = actor(ctx, by.user_id)?;
    sight::get(app, ctx, id).await?;
    let mut tx = app.store.begin(ctx).await?;
    let mut conversation = lock(&mut tx, ctx, id).await?;
    if conversation.is_closed() {
        return Err(closed());
    }
    let former_owner_id = conversation.owner_id;
    if let Some(owner_id) = former_owner_id {
        ensure_above(&mut tx, ctx, &conversation, owner_id).await?;
    }
    give(&mut tx, &mut conversation, author).await?;
    let taken = (conversation.customer_id, id);
    assigning::taken(app, &mut tx, taken, author).await?;
    change::save(&mut tx, &mut conversation).await?;
    let taken = TakenOver {
        conversation,
        former_owner_id,
    };
    tx.commit(taken).await
}

/// That whoever acts stands above the one who has a held conversation: a supervisor above an agent.
async fn ensure_above(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    conversation: &Conversation,
    owner_id: Uuid,
) -> Result<()> {
    let is_above = matches!(ctx.role, Some(Role::Admin | Role::Supervisor));
    let is_own = ctx.user_id == Some(owner_id);
    let customer_id = conversation.customer_id;
    if !is_above || is_own || agents::of_user(tx, customer_id, owner_id).await?.is_none() {
        return Err(taken(owner_id));
    }
    Ok(())
}
