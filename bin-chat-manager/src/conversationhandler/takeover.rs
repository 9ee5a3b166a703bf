//! Who takes a conversation over, and from whom.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{error::Result, identity::Scope, role::Role},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    change,
    people::{Actor, actor, closed, give, lock},
    sight::{self, taken},
};
use crate::{
    app::App, dbhandler::agents, entryhandler::assigning, models::conversation::Conversation,
};

/// Who knows which role a user has.
const DID_MANAGER: &str = "did-manager";
/// How long it is waited for.
const WITHIN: Duration = Duration::from_secs(2);

/// Who has a conversation now, and who had it before.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TakenOver {
    #[serde(flatten)]
    conversation: Conversation,
    /// From whom somebody above them took it; null where nobody had it.
    former_owner_id: Option<Uuid>,
}

/// Takes a conversation over: whatever the assistant was about to say is said no more. Supervisors take it from an agent,
/// too, and admins from both.
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
    let seen = sight::get(app, ctx, id).await?;
    let known = match seen.owner_id {
        Some(owner_id) if may_be_above(ctx, owner_id) => Some((
            owner_id,
            role_of(app, ctx, seen.customer_id, owner_id).await,
        )),
        _ => None,
    };
    let mut tx = app.store.begin(ctx).await?;
    let mut conversation = lock(&mut tx, ctx, id).await?;
    if conversation.is_closed() {
        return Err(closed());
    }
    let former_owner_id = conversation.owner_id;
    if let Some(owner_id) = former_owner_id {
        // Whoever has it since then is somebody of whom nothing was asked.
        let known = known.filter(|(asked, _)| *asked == owner_id);
        let (_, role) = known.ok_or_else(|| taken(owner_id))?;
        ensure_above(&mut tx, ctx, &conversation, (owner_id, role)).await?;
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

/// Whether whoever acts may stand above another user at all.
fn may_be_above(ctx: &RequestContext, owner_id: Uuid) -> bool {
    matches!(ctx.role, Some(Role::Admin | Role::Supervisor)) && ctx.user_id != Some(owner_id)
}

/// A user, as did-manager knows them.
#[derive(Deserialize)]
struct User {
    #[serde(default)]
    role: String,
}

/// The role of a user; none where nobody knows it, or answers in time. Not to be asked while a transaction is open.
async fn role_of(
    app: &App,
    ctx: &RequestContext,
    customer_id: Uuid,
    user_id: Uuid,
) -> Option<Role> {
    let soon = Instant::now() + WITHIN;
    let ctx = RequestContext {
        scope: Scope::tenant(customer_id),
        request_id: ctx.request_id.clone(),
        deadline: Some(ctx.deadline.map_or(soon, |deadline| deadline.min(soon))),
        ..RequestContext::internal()
    };
    let uri = format!("/v1/users/{user_id}");
    let found = app.rpc.get::<User>(DID_MANAGER, &uri, &ctx).await.ok()?;
    Role::parse(&found.role)
}

/// That whoever acts stands above the one who has a held conversation: by their roles, of which the mightiest is the first.
/// Where that of the owner is not known, an agent is who is listed as one.
async fn ensure_above(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    conversation: &Conversation,
    (owner_id, role): (Uuid, Option<Role>),
) -> Result<()> {
    let is_above = match (ctx.role, role) {
        (Some(own), Some(theirs)) => own < theirs,
        _ => {
            let found = agents::of_user(tx, conversation.customer_id, owner_id).await?;
            found.is_some()
        }
    };
    if is_above {
        Ok(())
    } else {
        Err(taken(owner_id))
    }
}
