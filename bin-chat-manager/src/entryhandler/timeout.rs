//! Waiting for too long: on to the overflow queue, or the end.

use std::time::Duration;

use bin_common_handler::{
    daemon::ManagerContext, databasehandler::ChangeTx, models::error::Result, timerhandler::Timer,
};

use super::{change, dispatch, ending, terms, waiting};
use crate::models::{
    queue::Queue,
    queueentry::{EntryStatus, QueueEntry, TIMED_OUT},
};

/// An entry has waited for too long; of the entry.
const TIMEOUT: &str = "chat_queue_timeout";
/// Overflow queues that a chat goes through: two that name each other end somewhere.
const HOPS_MAX: i32 = 3;
/// A pending offer is not taken away; it is looked at again so often.
const PENDING: Duration = Duration::from_secs(1);

/// Names the handler, at start.
pub(super) fn start(ctx: &ManagerContext) {
    ctx.timers.on(TIMEOUT, timed_out);
}

/// From now on a held entry waits for as long as its queue lets it. The entry is written by the caller.
///
/// # Errors
/// 503.
pub(super) async fn watch(tx: &mut ChangeTx<'_>, entry: &mut QueueEntry) -> Result<()> {
    let queue = terms(tx, entry.queue_id).await?;
    let seconds = u64::try_from(queue.timeout_seconds).unwrap_or_default();
    let at = tx.now().plus(Duration::from_secs(seconds));
    entry.tm_timeout = Some(at);
    tx.schedule(TIMEOUT, entry.id, at, &()).await
}

async fn timed_out(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(mut entry) = tx.lock::<QueueEntry>(timer.entity_id).await? else {
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
    match overflow(tx, &entry).await? {
        Some(queue) => {
            entry.hops += 1;
            waiting::move_to(tx, &mut entry, &queue).await?;
            change::save(tx, &mut entry).await?;
            dispatch::wake(tx, entry.customer_id).await
        }
        None => ending::end(tx, &mut entry, "timed_out").await,
    }
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
