//! How an entry comes to wait, and waits again.

use bin_common_handler::{databasehandler::ChangeTx, ids, models::error::Result};
use uuid::Uuid;

use super::{change, dispatch, sla, timeout};
use crate::{
    app::App,
    dbhandler::entries,
    models::{
        queue::{PRIORITY_DEFAULT, Queue},
        queueentry::{CREATED, EntryStatus, QueueEntry},
    },
};

/// A new entry of a queue, for a conversation that is held and has none.
///
/// # Errors
/// 429, 503.
pub(crate) async fn enter(
    app: &App,
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversation_id: Uuid,
    queue: &Queue,
) -> Result<QueueEntry> {
    let mut entry = new(app, tx, customer_id, conversation_id).await?;
    move_to(tx, &mut entry, queue).await?;
    insert(tx, &entry).await?;
    dispatch::wake(tx, customer_id).await?;
    Ok(entry)
}

/// An entry that nobody wrote yet, of no queue.
///
/// # Errors
/// 429, 503.
pub(crate) async fn new(
    app: &App,
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversation_id: Uuid,
) -> Result<QueueEntry> {
    app.rooms.entries.take(tx, customer_id, 1).await?;
    let now = tx.now();
    Ok(QueueEntry {
        id: ids::next(),
        customer_id,
        conversation_id,
        live_id: Some(conversation_id),
        priority: PRIORITY_DEFAULT,
        last_agent_id: entries::last_agent(tx, conversation_id).await?,
        waiting_since: now,
        tm_create: now,
        tm_update: now,
        ..QueueEntry::default()
    })
}

/// Writes a new entry, with its event and its queue's.
///
/// # Errors
/// 503.
pub(crate) async fn insert(tx: &mut ChangeTx<'_>, entry: &QueueEntry) -> Result<()> {
    tx.insert(entry).await?;
    tx.emit(CREATED, entry, entry.customer_id).await?;
    change::tell(tx, entry.queue_id).await
}

/// A held entry waits in this queue from now on, under its terms. It is written by the caller.
///
/// # Errors
/// 503.
pub(crate) async fn move_to(
    tx: &mut ChangeTx<'_>,
    entry: &mut QueueEntry,
    queue: &Queue,
) -> Result<()> {
    entry.queue_id = Some(queue.id);
    entry.skills = queue.skills.clone();
    entry.priority = queue.priority;
    entry.status = EntryStatus::Waiting;
    entry.agent_id = None;
    entry.offer_id = None;
    entry.tm_assigned = None;
    timeout::watch(tx, entry).await?;
    sla::promise(tx, entry, queue).await
}

/// A held entry waits again, with its first waiting time.
///
/// # Errors
/// 503.
pub(crate) async fn wait_again(tx: &mut ChangeTx<'_>, entry: &mut QueueEntry) -> Result<()> {
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
