//! Texts of one conversation leave in the order of their numbers: one waits until those before it are with the carrier, or
//! never will be. Conversations do not wait for each other.

use std::time::Duration;

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};

use super::provider::DEADLINE;
use crate::{
    dbhandler::messages,
    models::{message::Message, timers::SEND},
};

/// A text that waits for another looks again after this. The other one wakes it, unless its process ended meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// A text that waits for longer than this holds up no other: something is wrong with it.
const HELD_UP_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Lets a text wait while one before it has yet to leave; whether it waits. Its conversation is held.
///
/// # Errors
/// 503.
pub(super) async fn waits(tx: &mut ChangeTx<'_>, message: &Message) -> Result<bool> {
    // What to do in danger waits for nothing.
    if message.is_safety() {
        return Ok(false);
    }
    let now = tx.now();
    // After its deadline a request is on its way no more. Whether it arrived may take longer to find out.
    let (said_after, asked_after) = (now.minus(HELD_UP_MAX), now.minus(DEADLINE));
    if !messages::is_one_before_waiting(tx, message, said_after, asked_after).await? {
        return Ok(false);
    }
    tx.schedule(SEND, message.id, now.plus(LOOK_AGAIN), &())
        .await?;
    Ok(true)
}

/// A text waits no more: the next one of its conversation is looked at. The conversation is held.
///
/// # Errors
/// 503.
pub(super) async fn wake_next(tx: &mut ChangeTx<'_>, message: &Message) -> Result<()> {
    let now = tx.now();
    if let Some(next) = messages::next_queued(tx, message).await? {
        tx.schedule(SEND, next.id, now, &()).await?;
    }
    Ok(())
}
