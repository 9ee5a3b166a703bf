//! How an entry comes to wait, and waits again.

use bin_common_handler::{databasehandler::ChangeTx, ids, models::error::Result};
use uuid::Uuid;

use super::{change, dispatch, sla, timeout};
use crate::{
    app::App,
    dbhandler::{agents, entries, sessions},
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
    unwritten(tx, customer_id, conversation_id).await
}

async fn unwritten(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversation_id: Uuid,
) -> Result<QueueEntry> {
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

/// How a conversation comes to wait once more.
pub(crate) enum Again {
    /// From now on; this user's agent let it go, and is asked last.
    LetGo(Uuid),
    /// Its person was lost: with the first waiting time.
    Lost,
}

/// A held conversation that somebody had, and that waits nowhere, waits once more; false where it has no queue. It was let
/// in before, so no limit is asked.
///
/// # Errors
/// 503.
pub(crate) async fn come_back(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversation_id: Uuid,
    again: Again,
) -> Result<bool> {
    let Some(queue) = home(tx, customer_id, conversation_id).await? else {
        return Ok(false);
    };
    let mut entry = unwritten(tx, customer_id, conversation_id).await?;
    match again {
        Again::LetGo(user_id) => {
            if let Some(agent) = agents::of_user(tx, customer_id, user_id).await? {
                entry.pass(agent.id);
            }
        }
        Again::Lost => {
            if let Some(last) = entries::last(tx, conversation_id).await? {
                entry.waiting_since = last.waiting_since;
            }
        }
    }
    move_to(tx, &mut entry, &queue).await?;
    insert(tx, &entry).await?;
    dispatch::wake(tx, customer_id).await?;
    Ok(true)
}

/// Where a conversation waits: in the queue that it was in last, else in that of its widget; none where both are gone, or
/// never were.
///
/// # Errors
/// 503.
pub(crate) async fn home(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversation_id: Uuid,
) -> Result<Option<Queue>> {
    let last = entries::last(tx, conversation_id).await?;
    if let Some(queue) = live(tx, customer_id, last.and_then(|last| last.queue_id)).await? {
        return Ok(Some(queue));
    }
    let widget = sessions::widget_of(tx, conversation_id).await?;
    live(tx, customer_id, widget.and_then(|widget| widget.queue_id)).await
}

async fn live(tx: &mut ChangeTx<'_>, customer_id: Uuid, id: Option<Uuid>) -> Result<Option<Queue>> {
    let Some(id) = id else { return Ok(None) };
    let found = tx.get::<Queue>(id).await?;
    Ok(found.filter(|queue| queue.customer_id == customer_id && queue.tm_delete.is_none()))
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
