//! Waiting for too long: on to the overflow queue, or the end, of which a visitor is told.

use std::time::Duration;

use bin_common_handler::{
    daemon::ManagerContext, databasehandler::ChangeTx, models::error::Result, timerhandler::Timer,
};
use uuid::Uuid;

use super::conversation;
use crate::{
    entryhandler::{change, dispatch, ending, terms, timeout::TIMEOUT, waiting},
    models::{
        conversation::Conversation,
        queue::Queue,
        queueentry::{EntryStatus, QueueEntry, TIMED_OUT},
    },
};

/// Overflow queues that a chat goes through: two that name each other end somewhere.
const HOPS_MAX: i32 = 3;
/// A pending offer is not taken away; it is looked at again so often.
const PENDING: Duration = Duration::from_secs(1);

/// Names the handler, at start.
pub(super) fn start(ctx: &ManagerContext) {
    ctx.timers.on(TIMEOUT, timed_out);
}

async fn timed_out(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some((held, mut entry)) = hold(tx, timer.entity_id).await? else {
        return Ok(());
    };
    let now = tx.now();
    let Some(due) = entry.tm_timeout else {
        return Ok(());
    };
    match entry.status {
        EntryStatus::Waiting if due <= now => {}
        EntryStatus::Waiting => return tx.schedule(TIMEOUT, entry.id, due, &()).await,
        EntryStatus::Offered => {
            return tx.schedule(TIMEOUT, entry.id, now.plus(PENDING), &()).await;
        }
        _ => return Ok(()),
    }
    tx.emit(TIMED_OUT, &entry, entry.customer_id).await?;
    if let Some(queue) = overflow(tx, &entry).await? {
        entry.hops += 1;
        waiting::move_to(tx, &mut entry, &queue).await?;
        change::save(tx, &mut entry).await?;
        return dispatch::wake(tx, entry.customer_id).await;
    }
    ending::end(tx, &mut entry, "timed_out").await?;
    match held.filter(|held| !held.is_closed()) {
        Some(held) => conversation::ask_for_words(tx, held, entry.id).await,
        None => Ok(()),
    }
}

/// An entry and its conversation, held: the conversation first, as everybody does.
async fn hold(
    tx: &mut ChangeTx<'_>,
    id: Uuid,
) -> Result<Option<(Option<Conversation>, QueueEntry)>> {
    let Some(seen) = tx.get::<QueueEntry>(id).await? else {
        return Ok(None);
    };
    let held = tx.lock::<Conversation>(seen.conversation_id).await?;
    let entry = tx.lock::<QueueEntry>(id).await?;
    Ok(entry.map(|entry| (held, entry)))
}

/// Where it goes on to wait.
async fn overflow(tx: &mut ChangeTx<'_>, entry: &QueueEntry) -> Result<Option<Queue>> {
    let left = terms(tx, entry.queue_id).await?;
    let Some(id) = left.overflow_queue_id.filter(|_| entry.hops < HOPS_MAX) else {
        return Ok(None);
    };
    let found = tx.get::<Queue>(id).await?;
    Ok(found.filter(|queue| queue.tm_delete.is_none() && queue.customer_id == entry.customer_id))
}
