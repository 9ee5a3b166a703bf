//! How a locked conversation is written.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};

use super::events;
use crate::models::{
    conversation::{CLOSED, Conversation, UPDATED},
    timers::{CLOSE, SILENCE, TURN},
};

/// Writes a locked conversation, with one event.
///
/// # Errors
/// 503.
pub(crate) async fn save(tx: &mut ChangeTx<'_>, conversation: &mut Conversation) -> Result<()> {
    conversation.settle();
    events::state(tx, conversation).await?;
    conversation.tm_update = tx.next_version(conversation.tm_update);
    tx.update(conversation).await?;
    let kind = if conversation.is_closed() {
        CLOSED
    } else {
        UPDATED
    };
    tx.emit(kind, conversation, conversation.customer_id).await
}

/// Nothing more happens by itself, except that it closes.
///
/// # Errors
/// 503.
pub(crate) async fn cancel_timers(
    tx: &mut ChangeTx<'_>,
    conversation: &Conversation,
) -> Result<()> {
    tx.cancel(TURN, conversation.id).await?;
    tx.cancel(SILENCE, conversation.id).await?;
    if conversation.is_closed() {
        tx.cancel(CLOSE, conversation.id).await?;
    }
    Ok(())
}
