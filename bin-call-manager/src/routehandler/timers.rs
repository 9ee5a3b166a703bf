//! The durable timers behind every hold: nothing stays set aside because nobody reported.

use std::time::Duration;

use bin_common_handler::{
    daemon::{ManagerContext, StartError},
    databasehandler::ChangeTx,
    models::error::Result,
    timerhandler::Timer,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ending::{self, Missed};
use crate::{
    models::{call::Call, callstatus::CallStatus},
    standing::Standing,
    watch::{Missing, Uncharged},
};

/// Until a buyer must have answered.
const ANSWER: &str = "call_answer";
/// Until a call must have ended.
const LENGTH: &str = "call_length";
/// Until somebody must have told whether a call converted.
const CONVERSION: &str = "call_conversion";
/// Until the endpoint of the buyer that has the call must have been told.
pub(crate) const TELL: &str = "ping_tell";
/// Until the call of an accepted ping must have come.
pub(crate) const ARRIVAL: &str = "ping_arrival";

/// No call is longer.
const LENGTH_MAX: Duration = Duration::from_secs(4 * 3_600);
/// Nobody tells later.
const CONVERSION_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Whose turn a timer is about: one that fires late changes nothing for the next.
#[derive(Serialize, Deserialize)]
pub(crate) struct Turn {
    pub bid_id: Option<Uuid>,
    /// How often it was tried before.
    #[serde(default)]
    pub tried: u32,
}

/// Names the handlers, at start.
///
/// # Errors
/// When the figure of what they count is one of another kind.
pub(crate) fn start(
    ctx: &ManagerContext,
    standing: &Standing,
) -> std::result::Result<(), StartError> {
    let uncharged = Uncharged::new(ctx)?;
    ctx.timers.on_with(ANSWER, standing.clone(), no_answer);
    ctx.timers.on_with(LENGTH, uncharged.clone(), too_long);
    ctx.timers.on_with(CONVERSION, uncharged, never_told);
    Ok(())
}

async fn set(tx: &mut ChangeTx<'_>, kind: &str, call: &Call, after: Duration) -> Result<()> {
    let turn = Turn {
        bid_id: call.bid_id,
        tried: 0,
    };
    let at = tx.now().plus(after);
    tx.schedule(kind, call.id, at, &turn).await
}

/// The buyer that has the call must answer within `after`.
pub(crate) async fn await_answer(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    after: Duration,
) -> Result<()> {
    set(tx, ANSWER, call, after).await
}

/// The call is in progress, and must end.
pub(crate) async fn await_end(tx: &mut ChangeTx<'_>, call: &Call) -> Result<()> {
    tx.cancel(ANSWER, call.id).await?;
    set(tx, LENGTH, call, LENGTH_MAX).await
}

/// The call ended, and somebody must tell what it was worth.
pub(crate) async fn await_conversion(tx: &mut ChangeTx<'_>, call: &Call) -> Result<()> {
    set(tx, CONVERSION, call, CONVERSION_MAX).await
}

/// The endpoint of the buyer that has the call must be told by then, by whoever is there.
pub(crate) async fn tell_bidder(tx: &mut ChangeTx<'_>, call: &Call, after: Duration) -> Result<()> {
    set(tx, TELL, call, after).await
}

/// Nothing is waited for any more.
pub(crate) async fn cancel_all(tx: &mut ChangeTx<'_>, call: &Call) -> Result<()> {
    for kind in [ANSWER, LENGTH, CONVERSION] {
        tx.cancel(kind, call.id).await?;
    }
    if call.ping_id.is_some() {
        for kind in [TELL, ARRIVAL] {
            tx.cancel(kind, call.id).await?;
        }
    }
    Ok(())
}

/// The call that a timer is about, held, if it is still that buyer's turn.
pub(crate) async fn due(tx: &mut ChangeTx<'_>, timer: &Timer) -> Result<Option<Call>> {
    let turn: Turn = timer.payload()?;
    let found = tx.lock::<Call>(timer.entity_id).await?;
    Ok(found.filter(|call| call.bid_id == turn.bid_id))
}

async fn no_answer(standing: Standing, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(mut call) = due(tx, &timer).await? else {
        return Ok(());
    };
    let was = call.status;
    if !matches!(was, CallStatus::Queued | CallStatus::Ringing) {
        return Ok(());
    }
    ending::next_buyer(tx, &standing, &mut call, Missed::NoAnswer).await?;
    ending::announce(tx, &mut call, was).await
}

async fn too_long(uncharged: Uncharged, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(mut call) = due(tx, &timer).await? else {
        return Ok(());
    };
    let was = call.status;
    if was != CallStatus::InProgress {
        return Ok(());
    }
    if ending::is_held(&call) {
        tx.after_commit(move || uncharged.count(Missing::End));
    }
    ending::end(tx, &mut call, CallStatus::Failed).await?;
    "NO_END_REPORTED".clone_into(&mut call.reason);
    ending::announce(tx, &mut call, was).await
}

async fn never_told(uncharged: Uncharged, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(mut call) = due(tx, &timer).await? else {
        return Ok(());
    };
    if !ending::is_held(&call) || !call.status.is_final() {
        return Ok(());
    }
    tx.after_commit(move || uncharged.count(Missing::Conversion));
    ending::forgo(tx, &mut call).await?;
    let was = call.status;
    ending::announce(tx, &mut call, was).await
}
