//! The times of a conversation: the window that people have, the person's silence, the quiet after which it closes.

use std::time::Duration;

use bin_common_handler::{
    databasehandler::ChangeTx,
    models::{error::Result, time::Timestamp},
    timerhandler::Timer,
};

use super::people;
use crate::{
    alertrulehandler,
    models::{
        conversation::{AiState, BlockReason, Conversation},
        timers::{CLOSE, SILENCE, TURN},
    },
};

/// A turn answers everything that came in, after so long without a new text.
pub(crate) const PAUSE: Duration = Duration::from_secs(3);
/// A question that nobody answers for so long is alerted, whoever has the conversation.
const SILENCE_MAX: Duration = Duration::from_secs(15 * 60);
/// A quiet conversation closes after this.
const QUIET_MAX: Duration = Duration::from_secs(72 * 3_600);

/// The person wrote: people have the window, and then the assistant answers.
///
/// # Errors
/// 503.
pub(crate) async fn open_window(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    delay_seconds: u32,
) -> Result<()> {
    if !conversation.is_unanswered() || !conversation.is_assistants() {
        return Ok(());
    }
    let now = tx.now();
    let quiet = conversation.tm_inbound.unwrap_or(now).plus(PAUSE);
    match conversation.ai_state {
        AiState::None => {
            let ends = now.plus(Duration::from_secs(delay_seconds.into()));
            conversation.ai_state = AiState::Waiting;
            conversation.window_ends = Some(ends);
            tx.schedule(TURN, conversation.id, ends.max(quiet), &())
                .await
        }
        // Only the pause begins anew.
        AiState::Waiting => {
            let ends = conversation.window_ends.unwrap_or(now);
            tx.schedule(TURN, conversation.id, ends.max(quiet), &())
                .await
        }
        // One turn is carried out at a time; the next is set when it ends.
        _ if conversation.turn_id.is_some() => Ok(()),
        _ => {
            tx.schedule(TURN, conversation.id, now.max(quiet), &())
                .await
        }
    }
}

/// Somebody waits for an answer, from now on.
///
/// # Errors
/// 503.
pub(crate) async fn watch_silence(
    tx: &mut ChangeTx<'_>,
    conversation: &Conversation,
) -> Result<()> {
    let since = conversation.tm_inbound.unwrap_or_else(|| tx.now());
    let at = since.plus(SILENCE_MAX);
    tx.schedule(SILENCE, conversation.id, at, &since.micros())
        .await
}

/// Everything that the person asked is answered.
///
/// # Errors
/// 503.
pub(crate) async fn nobody_waits(tx: &mut ChangeTx<'_>, conversation: &Conversation) -> Result<()> {
    tx.cancel(SILENCE, conversation.id).await?;
    alertrulehandler::unanswered(tx, conversation, 0.0).await
}

/// It closes when nothing is said.
///
/// # Errors
/// 503.
pub(crate) async fn watch_quiet(tx: &mut ChangeTx<'_>, conversation: &Conversation) -> Result<()> {
    let at: Timestamp = tx.now().plus(QUIET_MAX);
    tx.schedule(CLOSE, conversation.id, at, &()).await
}

/// How long the person has waited, in seconds: `since` microseconds, not since what they wrote last.
#[expect(
    clippy::cast_precision_loss,
    reason = "a span of at most days, in seconds"
)]
fn waits(now: Timestamp, since: i64) -> f64 {
    // A rule fires above its threshold, which is when this timer does.
    (now.micros().saturating_sub(since) / 1_000_000 + 1) as f64
}

/// Nobody answered. Whoever wants no texts is not answered by one.
pub(crate) async fn silent(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(conversation) = tx.lock::<Conversation>(timer.entity_id).await? else {
        return Ok(());
    };
    let wants_none = conversation
        .block_reasons
        .0
        .contains(&BlockReason::OptedOut);
    if conversation.is_closed() || !conversation.is_unanswered() || wants_none {
        return Ok(());
    }
    let now = tx.now();
    // Timers of before this number was kept have none.
    let since: Option<i64> = timer.payload().ok();
    let since = since.or_else(|| conversation.tm_inbound.map(Timestamp::micros));
    let seconds = waits(now, since.unwrap_or_else(|| now.micros()));
    alertrulehandler::unanswered(tx, &conversation, seconds).await
}

/// Nothing was said for three days.
pub(crate) async fn quiet(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(mut conversation) = tx.lock::<Conversation>(timer.entity_id).await? else {
        return Ok(());
    };
    if conversation.is_closed() {
        return Ok(());
    }
    people::end(tx, &mut conversation).await
}
