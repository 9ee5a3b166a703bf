//! How an entry becomes an agent's: one who was named, or one who took the chat by themselves.

use bin_common_handler::{
    databasehandler::ChangeTx,
    models::error::{Error, Result},
    resource,
};
use uuid::Uuid;

use super::{change, dispatch, ending, offers, waiting};
use crate::{
    app::App,
    dbhandler::{agents, entries},
    models::{
        agent::Agent,
        offer::OfferStatus,
        queueentry::{EntryStatus, QueueEntry},
    },
};

/// An agent of this customer who has room for a held entry, held.
///
/// # Errors
/// 404; 409 `AGENT_FULL`; 503.
pub(crate) async fn with_room(
    tx: &mut ChangeTx<'_>,
    agent_id: Uuid,
    entry: &QueueEntry,
) -> Result<Agent> {
    let found = tx.lock::<Agent>(agent_id).await?;
    let agent = found
        .filter(|agent| agent.customer_id == entry.customer_id && agent.tm_delete.is_none())
        .ok_or_else(resource::not_found::<Agent>)?;
    // What the agent is offered counts already.
    let own = i64::from(entry.agent_id == Some(agent_id));
    if entries::load(tx, agent_id).await? - own >= agent.capacity.into() {
        return Err(Error::failed_precondition(
            "AGENT_FULL",
            "The agent has as many chats as fit.",
        ));
    }
    Ok(agent)
}

/// A held entry is this held agent's from now on; whoever had it has room for another.
///
/// # Errors
/// 503.
pub(crate) async fn assign(
    tx: &mut ChangeTx<'_>,
    entry: &mut QueueEntry,
    agent: Agent,
    is_new: bool,
) -> Result<()> {
    let before = entry.agent_id.filter(|before| *before != agent.id);
    offers::withdraw(tx, entry).await?;
    entry.status = EntryStatus::Assigned;
    entry.agent_id = Some(agent.id);
    entry.tm_assigned = Some(tx.now());
    entry.tm_timeout = None;
    if is_new {
        waiting::insert(tx, entry).await?;
    } else {
        change::save(tx, entry).await?;
    }
    change::touch(tx, agent).await?;
    if before.is_some() {
        change::free(tx, before).await?;
        dispatch::wake(tx, entry.customer_id).await?;
    }
    Ok(())
}

/// A user took a held conversation by themselves. An agent has its entry from now on, as if an offer had been accepted, so
/// that it counts for capacity and promises and goes on to wait when they are gone; what waited nowhere gets one. For anybody
/// else it is over.
///
/// # Errors
/// 409 `AGENT_FULL`; 429; 503.
pub(crate) async fn taken(
    app: &App,
    tx: &mut ChangeTx<'_>,
    (customer_id, conversation_id): (Uuid, Uuid),
    user_id: Uuid,
) -> Result<()> {
    let live = entries::lock_live(tx, conversation_id).await?;
    let agent = agents::of_user(tx, customer_id, user_id).await?;
    match (live, agent) {
        (Some(entry), Some(agent)) => take_from_queue(tx, entry, &agent).await,
        (Some(mut entry), None) => ending::end(tx, &mut entry, "taken_over").await,
        (None, Some(agent)) => {
            let mut entry = waiting::new(app, tx, customer_id, conversation_id).await?;
            // Where it waits when the agent is gone.
            if let Some(queue) = waiting::home(tx, customer_id, conversation_id).await? {
                waiting::move_to(tx, &mut entry, &queue).await?;
            }
            let agent = with_room(tx, agent.id, &entry).await?;
            assign(tx, &mut entry, agent, true).await
        }
        (None, None) => Ok(()),
    }
}

async fn take_from_queue(
    tx: &mut ChangeTx<'_>,
    mut entry: QueueEntry,
    agent: &Agent,
) -> Result<()> {
    if entry.agent_id == Some(agent.id) {
        offers::close(tx, &mut entry, OfferStatus::Accepted).await?;
        if entry.status == EntryStatus::Assigned {
            return Ok(());
        }
    }
    let agent = with_room(tx, agent.id, &entry).await?;
    assign(tx, &mut entry, agent, false).await
}
