//! How an entry ends: its agent has room for another.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use uuid::Uuid;

use super::{change, dispatch, offers};
use crate::{
    dbhandler::entries,
    models::queueentry::{EntryStatus, QueueEntry},
};

/// A held entry is over: whoever had it has room for another.
///
/// # Errors
/// 503.
pub(crate) async fn end(tx: &mut ChangeTx<'_>, entry: &mut QueueEntry, reason: &str) -> Result<()> {
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
