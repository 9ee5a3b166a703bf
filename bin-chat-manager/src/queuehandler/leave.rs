//! How a chat leaves an agent: back to those who wait, to another queue, or for good.

use bin_common_handler::{
    context::RequestContext, daemon::ManagerContext, databasehandler::ChangeTx,
    models::error::Result, timerhandler::Timer,
};
use uuid::Uuid;

use super::{change, conversation, dispatch, offers, timeout};
use crate::{
    dbhandler::{agents, entries},
    models::{
        agent::Agent,
        queueentry::{EntryStatus, QueueEntry},
    },
};

/// An agent was deleted; of the agent.
const RETIRE: &str = "chat_agent_gone";
/// Chats that one transaction takes from an agent: no capacity is larger.
const LOST_MAX: u32 = 100;

/// Names the handler, at start.
pub(super) fn start(ctx: &ManagerContext) {
    ctx.timers.on(RETIRE, retired);
}

/// A held entry waits again, with its first waiting time.
///
/// # Errors
/// 503.
pub(super) async fn wait_again(tx: &mut ChangeTx<'_>, entry: &mut QueueEntry) -> Result<()> {
    let agent_id = entry.agent_id.take();
    entry.status = EntryStatus::Waiting;
    entry.offer_id = None;
    entry.tm_assigned = None;
    if entry.tm_timeout.is_none() {
        timeout::watch(tx, entry).await?;
    }
    change::save(tx, entry).await?;
    change::free(tx, agent_id).await?;
    dispatch::wake(tx, entry.customer_id).await
}

/// A held entry is over: whoever had it has room for another.
///
/// # Errors
/// 503.
pub(super) async fn end(tx: &mut ChangeTx<'_>, entry: &mut QueueEntry, reason: &str) -> Result<()> {
    offers::withdraw(tx, entry).await?;
    let agent_id = entry.agent_id;
    entry.status = EntryStatus::Ended;
    reason.clone_into(&mut entry.reason);
    entry.live_id = None;
    entry.tm_timeout = None;
    entry.tm_next_due = None;
    entry.tm_ended = Some(tx.now());
    change::save(tx, entry).await?;
    if agent_id.is_some() {
        change::free(tx, agent_id).await?;
        dispatch::wake(tx, entry.customer_id).await?;
    }
    Ok(())
}

/// A conversation ended, or a person took it past the queue. It is held.
///
/// # Errors
/// 503.
pub(crate) async fn conversation_left(
    tx: &mut ChangeTx<'_>,
    conversation_id: Uuid,
    reason: &str,
) -> Result<()> {
    match entries::lock_live(tx, conversation_id).await? {
        Some(mut entry) => end(tx, &mut entry, reason).await,
        None => Ok(()),
    }
}

/// A user who is offline for too long loses their chats; false where there are more.
///
/// # Errors
/// 503.
pub(crate) async fn lose(tx: &mut ChangeTx<'_>, customer_id: Uuid, user_id: Uuid) -> Result<bool> {
    match agents::of_user(tx, customer_id, user_id).await? {
        Some(agent) => lose_all(tx, &agent).await,
        None => Ok(true),
    }
}

/// An agent is deleted: what they have goes to others, after this transaction.
///
/// # Errors
/// 503.
pub(crate) async fn lose_soon(tx: &mut ChangeTx<'_>, agent_id: Uuid) -> Result<()> {
    let now = tx.now();
    tx.schedule(RETIRE, agent_id, now, &()).await
}

async fn retired(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(agent) = tx.get::<Agent>(timer.entity_id).await? else {
        return Ok(());
    };
    if lose_all(tx, &agent).await? {
        return Ok(());
    }
    lose_soon(tx, agent.id).await
}

async fn lose_all(tx: &mut ChangeTx<'_>, agent: &Agent) -> Result<bool> {
    let held = entries::of_agent(tx, agent.id, LOST_MAX).await?;
    let is_all = held.len() < LOST_MAX as usize;
    for id in held {
        lose_one(tx, agent.id, id).await?;
    }
    Ok(is_all)
}

async fn lose_one(tx: &mut ChangeTx<'_>, agent_id: Uuid, id: Uuid) -> Result<()> {
    let Some(seen) = tx.get::<QueueEntry>(id).await? else {
        return Ok(());
    };
    let ctx = RequestContext::internal();
    conversation::hold(tx, &ctx, seen.conversation_id).await?;
    let Some(mut entry) = tx.lock::<QueueEntry>(id).await? else {
        return Ok(());
    };
    if entry.agent_id != Some(agent_id) || entry.has_ended() {
        return Ok(());
    }
    let was_assigned = entry.status == EntryStatus::Assigned;
    offers::withdraw(tx, &mut entry).await?;
    wait_again(tx, &mut entry).await?;
    if was_assigned {
        conversation::let_go(tx, entry.conversation_id).await?;
    }
    Ok(())
}
