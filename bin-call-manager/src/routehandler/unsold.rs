//! Calls that nobody buys: none stays pending for ever, and one whose caller was turned away not at all.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use tracing::warn;
use uuid::Uuid;

use super::{choose::Explanation, ending};
use crate::{
    dbhandler::{calls, market},
    models::{call::Call, callcampaign::CallCampaign, callstatus::CallStatus},
    turns,
};

/// How long a call may wait for a buyer. No caller waits so long, but calls that go out may be made the day before.
const UNSOLD_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Calls of one look at the table, and looks.
const ROWS_MAX: usize = 500;
const ROUNDS_MAX: u32 = 100;
/// The reason of a call that ended so.
const REASON: &str = "NOT_SOLD";

/// Ends the calls that have waited too long at `now`, each in a transaction of its own.
///
/// # Errors
/// 503; what could be ended is ended all the same.
pub(crate) async fn end_old(store: &Store, now: Timestamp) -> Result<()> {
    let until = now.minus(UNSOLD_MAX);
    for _ in 0..ROUNDS_MAX {
        let ids = calls::unsold(&store.db, until, ROWS_MAX).await?;
        let mut fault = Ok(());
        for id in &ids {
            // One that cannot be ended keeps no other waiting.
            if let Err(error) = Box::pin(end(store, *id, until)).await {
                fault = Err(error);
            }
        }
        fault?;
        if ids.len() < ROWS_MAX {
            break;
        }
    }
    Ok(())
}

async fn end(store: &Store, id: Uuid, until: Timestamp) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = store.begin(&ctx).await?;
    let found = tx.lock::<Call>(id).await?;
    let Some(mut call) = found.filter(|call| is_left(call) && call.tm_create < until) else {
        // It was sold, auctioned or ended meanwhile.
        return Ok(());
    };
    let end = End {
        status: CallStatus::Failed,
        reason: REASON,
        below: "Nobody had bought the call 24 hours after its arrival, so it ended.",
        alone: "No buyer was asked for within 24 hours of the call's arrival, so it ended.",
    };
    end_as(&mut tx, &mut call, &end).await?;
    tx.commit(()).await
}

/// Ends a call whose caller was told `refusal` and is gone. One that cannot be ended now ends with the others after a day.
pub(super) async fn turned_away(store: &Store, ctx: &RequestContext, id: Uuid, refusal: &Error) {
    if !is_final(refusal) {
        return;
    }
    let end = End {
        status: CallStatus::Failed,
        reason: refusal.reason(),
        below: "The caller was turned away, so the call ended.",
        alone: "The caller was turned away before any buyer was asked for, so the call ended.",
    };
    if let Err(error) = end_left(store, ctx, id, &end).await {
        warn!(%error, "a call whose caller was turned away stays pending for a day");
    }
}

/// Ends a call whose caller went away before it was sold. One that the same call in another request sold or ended stays as it is.
///
/// # Errors
/// 503.
pub(crate) async fn gone(store: &Store, ctx: &RequestContext, id: Uuid) -> Result<()> {
    let end = End {
        status: CallStatus::Canceled,
        reason: "",
        below: "The caller went away, so the call ended.",
        alone: "The caller went away before any buyer was asked for, so the call ended.",
    };
    end_left(store, ctx, id, &end).await
}

async fn end_left(store: &Store, ctx: &RequestContext, id: Uuid, end: &End<'_>) -> Result<()> {
    let turn = turns::without(ctx);
    loop {
        match Box::pin(end_left_once(store, ctx, id, end)).await {
            // It was rolled back, e.g. beside the same call in another request.
            Err(error) => turn.again(error).await?,
            ended => return ended,
        }
    }
}

/// Whether whoever hears it does not come again: after a fault or a lack of room they do.
fn is_final(refusal: &Error) -> bool {
    refusal.is_decided() && refusal.reason() != "CALL_ALREADY_ROUTED"
}

/// One transaction.
async fn end_left_once(store: &Store, ctx: &RequestContext, id: Uuid, end: &End<'_>) -> Result<()> {
    let mut tx = store.begin(ctx).await?;
    let found = tx.lock::<Call>(id).await?;
    let is_own = |call: &Call| ctx.scope.allows(call.customer_id);
    let Some(mut call) = found.filter(|call| is_own(call) && is_left(call)) else {
        // It was sold or ended by the same call in another request.
        return Ok(());
    };
    end_as(&mut tx, &mut call, end).await?;
    tx.commit(()).await
}

/// How a call ends that nobody bought.
struct End<'e> {
    status: CallStatus,
    reason: &'e str,
    /// What the explanation says, below the last decision where there was one.
    below: &'static str,
    alone: &'static str,
}

async fn end_as(tx: &mut ChangeTx<'_>, call: &mut Call, end: &End<'_>) -> Result<()> {
    let was = call.status;
    explain(tx, call, end).await?;
    ending::end(tx, call, end.status).await?;
    end.reason.clone_into(&mut call.reason);
    ending::announce(tx, call, was).await
}

/// Whether nobody has it, nor is about to: an open auction ends by its own timer.
fn is_left(call: &Call) -> bool {
    call.status == CallStatus::Pending && call.auction_id.is_none()
}

/// Says so in the explanation.
async fn explain(tx: &mut ChangeTx<'_>, call: &Call, end: &End<'_>) -> Result<()> {
    if market::extend_explanation(tx, call, end.below).await? {
        return Ok(());
    }
    let campaign = tx.get::<CallCampaign>(call.call_campaign_id).await?;
    let strategy = campaign.unwrap_or_default().strategy;
    let none = Explanation::of_nobody(strategy.as_str(), end.alone.to_owned());
    market::save_explanation(tx, call, &none).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::pending(|_: &mut Call| {}, true)]
    #[case::sold(|call: &mut Call| call.status = CallStatus::Queued, false)]
    #[case::over(|call: &mut Call| call.status = CallStatus::Canceled, false)]
    #[case::auctioned(|call: &mut Call| call.auction_id = Some(Uuid::nil()), false)]
    fn what_nobody_has_or_may_get_is_left(#[case] change: fn(&mut Call), #[case] left: bool) {
        let mut call = Call::default();
        change(&mut call);
        assert_eq!(is_left(&call), left);
    }

    #[rstest]
    #[case::nobody(Error::failed_precondition("NO_BIDS_AVAILABLE", "No."), true)]
    #[case::forbidden(Error::permission_denied("CALLING_HOURS", "No."), true)]
    #[case::sold(Error::failed_precondition("CALL_ALREADY_ROUTED", "No."), false)]
    #[case::room(Error::resource_exhausted("RATE", "Not now."), false)]
    #[case::away(Error::unavailable("database", "gone"), false)]
    #[case::fault(Error::internal("a bug"), false)]
    fn only_a_considered_no_turns_a_caller_away(#[case] refusal: Error, #[case] ends: bool) {
        assert_eq!(is_final(&refusal), ends);
    }
}
