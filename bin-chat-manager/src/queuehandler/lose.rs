//! How an agent loses chats: offline for too long, or deleted. They wait again, with their first waiting time.

use bin_common_handler::{
    daemon::ManagerContext, databasehandler::ChangeTx, models::error::Result, timerhandler::Timer,
};
use uuid::Uuid;

use super::conversation;
use crate::{
    dbhandler::{agents, conversations, entries},
    entryhandler::{
        offers,
        waiting::{self, Again},
    },
    models::{
        agent::Agent,
        conversation::Conversation,
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

/// A user who is offline for too long loses their chats; false where there are more.
///
/// # Errors
/// 503.
pub(crate) async fn lose(tx: &mut ChangeTx<'_>, customer_id: Uuid, user_id: Uuid) -> Result<bool> {
    let is_done = match agents::of_user(tx, customer_id, user_id).await? {
        Some(agent) => lose_all(tx, &agent).await?,
        None => true,
    };
    Ok(is_done && lose_taken(tx, customer_id, user_id).await?)
}

/// What a user took past every queue waits in the last one again, where there is one.
async fn lose_taken(tx: &mut ChangeTx<'_>, customer_id: Uuid, user_id: Uuid) -> Result<bool> {
    let ids = conversations::taken_by(tx, customer_id, user_id, LOST_MAX).await?;
    let is_all = ids.len() < LOST_MAX as usize;
    let mut lost = 0;
    for id in ids {
        let held = tx.lock::<Conversation>(id).await?;
        let is_theirs = |held: &Conversation| held.owner_id == Some(user_id) && !held.is_closed();
        let Some(held) = held.filter(is_theirs) else {
            continue;
        };
        if !entries::is_queued(tx, id).await?
            && waiting::come_back(tx, customer_id, id, Again::Lost).await?
        {
            conversation::let_go(tx, held).await?;
            lost += 1;
        }
    }
    // What has no queue stays theirs, and is not looked at for ever.
    Ok(is_all || lost == 0)
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
    // The conversation first, as everybody does.
    let held = tx.lock::<Conversation>(seen.conversation_id).await?;
    let Some(mut entry) = tx.lock::<QueueEntry>(id).await? else {
        return Ok(());
    };
    if entry.agent_id != Some(agent_id) || entry.has_ended() {
        return Ok(());
    }
    let was_assigned = entry.status == EntryStatus::Assigned;
    offers::withdraw(tx, &mut entry).await?;
    waiting::wait_again(tx, &mut entry).await?;
    match held.filter(|held| was_assigned && !held.is_closed()) {
        Some(held) => conversation::let_go(tx, held).await,
        None => Ok(()),
    }
}
