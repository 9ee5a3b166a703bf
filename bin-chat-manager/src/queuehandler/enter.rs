//! A chat is to wait, or goes to a certain queue or agent.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        check::wrong,
        error::{Error, Result},
        identity::{optional_owner, uuid_or_nil},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{conversation, find};
use crate::{
    app::App,
    conversationhandler::sight,
    dbhandler::{entries, presences},
    entryhandler::{
        assigning, change, dispatch, offers, sla,
        waiting::{enter, move_to, new},
    },
    models::{
        agent::Agent,
        queueentry::{EntryStatus, QueueEntry},
    },
    queues::presence::PresenceStatus,
};

/// Where a chat is to wait.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Escalation {
    /// The queue.
    #[serde(deserialize_with = "uuid_or_nil")]
    pub queue_id: Uuid,
}

/// Where a chat is to go: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Transfer {
    /// The queue.
    #[serde(default, deserialize_with = "optional_owner")]
    pub queue_id: Option<Uuid>,
    /// The agent.
    #[serde(default, deserialize_with = "optional_owner")]
    pub agent_id: Option<Uuid>,
}

/// Who is to have a chat.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Assignment {
    /// The agent.
    #[serde(deserialize_with = "uuid_or_nil")]
    pub agent_id: Uuid,
}

/// A human is asked for. Asking again for the same queue changes nothing.
///
/// # Errors
/// 404; 409 where the conversation ended, or is in another queue.
pub(crate) async fn escalate(
    app: &App,
    ctx: &RequestContext,
    conversation_id: Uuid,
    body: &Escalation,
) -> Result<QueueEntry> {
    sight::get(app, ctx, conversation_id).await?;
    let mut tx = app.store.begin(ctx).await?;
    let held = conversation::hold(&mut tx, ctx, conversation_id).await?;
    sight::ensure_free(ctx, &held)?;
    let customer_id = held.customer_id;
    let queue = find(&mut tx, customer_id, body.queue_id).await?;
    if let Some(entry) = entries::lock_live(&mut tx, conversation_id).await? {
        if entry.queue_id == Some(queue.id) {
            return tx.commit(entry).await;
        }
        return Err(Error::failed_precondition(
            "ALREADY_QUEUED",
            "The conversation is in another queue; transfer it.",
        )
        .with_detail(json!({ "queue_id": entry.queue_id })));
    }
    let entry = enter(app, &mut tx, customer_id, conversation_id, &queue).await?;
    // Who has it already, keeps it until an agent accepts.
    if held.owner_id.is_none() {
        conversation::let_go(&mut tx, held).await?;
    }
    tx.commit(entry).await
}

/// A chat goes to another queue, or to an agent; its history goes along.
///
/// # Errors
/// 400 unless one of the two is named; 404; 409 where the agent cannot take it.
pub(crate) async fn transfer(
    app: &App,
    ctx: &RequestContext,
    conversation_id: Uuid,
    body: &Transfer,
) -> Result<QueueEntry> {
    sight::get(app, ctx, conversation_id).await?;
    match (body.queue_id, body.agent_id) {
        (Some(queue_id), None) => requeue(app, ctx, conversation_id, queue_id).await,
        (None, Some(agent_id)) => assign(app, ctx, conversation_id, agent_id).await,
        _ => Err(wrong("queue_id", "or agent_id must be given, not both")),
    }
}

async fn requeue(
    app: &App,
    ctx: &RequestContext,
    conversation_id: Uuid,
    queue_id: Uuid,
) -> Result<QueueEntry> {
    let mut tx = app.store.begin(ctx).await?;
    let held = conversation::hold(&mut tx, ctx, conversation_id).await?;
    sight::ensure_free(ctx, &held)?;
    let customer_id = held.customer_id;
    let queue = find(&mut tx, customer_id, queue_id).await?;
    let Some(mut entry) = entries::lock_live(&mut tx, conversation_id).await? else {
        let entry = enter(app, &mut tx, customer_id, conversation_id, &queue).await?;
        conversation::let_go(&mut tx, held).await?;
        return tx.commit(entry).await;
    };
    let (left, agent_id) = (entry.queue_id, entry.agent_id);
    offers::withdraw(&mut tx, &mut entry).await?;
    if let Some(agent_id) = agent_id {
        entry.pass(agent_id);
    }
    entry.hops = 0;
    sla::begin_again(&mut entry);
    // Whom nobody has answered yet has waited since they came.
    if entry.tm_first_response.is_some() {
        entry.waiting_since = tx.now();
    }
    move_to(&mut tx, &mut entry, &queue).await?;
    change::save(&mut tx, &mut entry).await?;
    if left != entry.queue_id {
        change::tell(&mut tx, left).await?;
    }
    change::free(&mut tx, agent_id).await?;
    dispatch::wake(&mut tx, customer_id).await?;
    conversation::let_go(&mut tx, held).await?;
    tx.commit(entry).await
}

/// A chat goes to an agent, who is not asked. Agents give away what they have; anything else is a supervisor's.
///
/// # Errors
/// 404; 409 where the agent is offline or has no room, or the chat is not the acting agent's.
pub(crate) async fn assign(
    app: &App,
    ctx: &RequestContext,
    conversation_id: Uuid,
    agent_id: Uuid,
) -> Result<QueueEntry> {
    let mut tx = app.store.begin(ctx).await?;
    let held = conversation::hold(&mut tx, ctx, conversation_id).await?;
    sight::ensure_own(ctx, &held)?;
    let customer_id = held.customer_id;
    let live = entries::lock_live(&mut tx, conversation_id).await?;
    let is_new = live.is_none();
    let mut entry = match live {
        Some(entry) => entry,
        None => new(app, &mut tx, customer_id, conversation_id).await?,
    };
    if entry.status == EntryStatus::Assigned && entry.agent_id == Some(agent_id) {
        return tx.commit(entry).await;
    }
    let agent = assigning::with_room(&mut tx, agent_id, &entry).await?;
    ensure_there(&mut tx, &agent).await?;
    conversation::hand_over(&mut tx, held, agent.user_id).await?;
    assigning::assign(&mut tx, &mut entry, agent, is_new).await?;
    tx.commit(entry).await
}

/// That the agent is there.
async fn ensure_there(tx: &mut ChangeTx<'_>, agent: &Agent) -> Result<()> {
    let status = presences::status_of(tx, agent.customer_id, agent.user_id).await?;
    if status == PresenceStatus::Offline {
        return Err(Error::failed_precondition(
            "AGENT_OFFLINE",
            "The agent is offline.",
        ));
    }
    Ok(())
}
