//! How a locked entry is written, and what its queue tells.

use bin_common_handler::{
    databasehandler::{ChangeTx, EventPayload},
    models::error::{Error, Result},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    dbhandler::entries,
    models::{
        agent::Agent,
        queue::Queue,
        queueentry::{QueueEntry, UPDATED},
    },
};

/// Announced when what waits in a queue changed.
const QUEUE_UPDATED: &str = "queue_updated";

/// A queue, and how many of its chats stand where.
#[derive(Serialize)]
struct QueueState {
    #[serde(flatten)]
    queue: Queue,
    waiting: i64,
    offered: i64,
    assigned: i64,
}

/// Writes a locked entry, with its event and its queue's.
///
/// # Errors
/// 503.
pub(crate) async fn save(tx: &mut ChangeTx<'_>, entry: &mut QueueEntry) -> Result<()> {
    entry.tm_update = tx.next_version(entry.tm_update);
    tx.update(entry).await?;
    tx.emit(UPDATED, entry, entry.customer_id).await?;
    tell(tx, entry.queue_id).await
}

/// Tells how many of a queue's chats stand where.
///
/// # Errors
/// 503.
pub(crate) async fn tell(tx: &mut ChangeTx<'_>, queue_id: Option<Uuid>) -> Result<()> {
    let Some(id) = queue_id else { return Ok(()) };
    let Some(queue) = tx.get::<Queue>(id).await? else {
        return Ok(());
    };
    let counts = entries::counts(tx, id).await?;
    let customer_id = queue.customer_id;
    let version = tx.next_version(queue.tm_update);
    let state = QueueState {
        queue,
        waiting: counts.waiting,
        offered: counts.offered,
        assigned: counts.assigned,
    };
    let payload = EventPayload {
        resource_id: id,
        customer_id,
        version,
        data: serde_json::to_string(&state).map_err(Error::internal)?,
    };
    tx.emit_payload(QUEUE_UPDATED, payload).await
}

/// An agent got or gave up a chat just now.
///
/// # Errors
/// 503.
pub(crate) async fn touch(tx: &mut ChangeTx<'_>, mut agent: Agent) -> Result<()> {
    agent.tm_idle = tx.now();
    agent.tm_update = tx.next_version(agent.tm_update);
    tx.update(&agent).await
}

/// An agent gave up a chat just now, whose entry is held.
///
/// # Errors
/// 503.
pub(crate) async fn free(tx: &mut ChangeTx<'_>, agent_id: Option<Uuid>) -> Result<()> {
    let Some(id) = agent_id else { return Ok(()) };
    match tx.lock::<Agent>(id).await? {
        Some(agent) => touch(tx, agent).await,
        None => Ok(()),
    }
}
