//! How long an entry waits. What becomes of it then, the queue decides.

use std::time::Duration;

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};

use super::terms;
use crate::{models::queueentry::QueueEntry, queues::business};

/// An entry has waited for too long; of the entry.
pub(crate) const TIMEOUT: &str = "chat_queue_timeout";

/// From now on a held entry waits for as long as its queue lets it: nobody waits in vain while the queue is closed. The
/// entry is written by the caller.
///
/// # Errors
/// 503.
pub(super) async fn watch(tx: &mut ChangeTx<'_>, entry: &mut QueueEntry) -> Result<()> {
    let queue = terms(tx, entry.queue_id).await?;
    let seconds = u64::try_from(queue.timeout_seconds).unwrap_or_default();
    let whole = Duration::from_secs(seconds);
    let at = business::deadline(tx.now(), whole, &queue.hours.0, queue.zone());
    entry.tm_timeout = Some(at);
    tx.schedule(TIMEOUT, entry.id, at, &()).await
}
