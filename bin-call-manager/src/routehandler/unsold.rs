//! Calls that nobody buys: none stays pending for ever.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use super::{choose::Explanation, ending};
use crate::{
    dbhandler::{calls, market},
    models::{call::Call, callcampaign::CallCampaign, callstatus::CallStatus},
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
    let Some(mut call) = found.filter(|call| is_left(call, until)) else {
        // It was sold, auctioned or ended meanwhile.
        return Ok(());
    };
    let was = call.status;
    explain(&mut tx, &call).await?;
    ending::end(&mut tx, &mut call, CallStatus::Failed).await?;
    REASON.clone_into(&mut call.reason);
    ending::announce(&mut tx, &mut call, was).await?;
    tx.commit(()).await
}

/// Whether nobody has it, nor is about to: an open auction ends by its own timer.
fn is_left(call: &Call, until: Timestamp) -> bool {
    call.status == CallStatus::Pending && call.auction_id.is_none() && call.tm_create < until
}

/// Says so in the explanation, below the last decision where there was one.
async fn explain(tx: &mut ChangeTx<'_>, call: &Call) -> Result<()> {
    if market::extend_explanation(
        tx,
        call,
        "Nobody had bought the call 24 hours after its arrival, so it ended.",
    )
    .await?
    {
        return Ok(());
    }
    let campaign = tx.get::<CallCampaign>(call.call_campaign_id).await?;
    let strategy = campaign.unwrap_or_default().strategy;
    let text = "No buyer was asked for within 24 hours of the call's arrival, so it ended.";
    let none = Explanation::of_nobody(strategy.as_str(), text.to_owned());
    market::save_explanation(tx, call, &none).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::old(|_: &mut Call| {}, true)]
    #[case::sold(|call: &mut Call| call.status = CallStatus::Queued, false)]
    #[case::over(|call: &mut Call| call.status = CallStatus::Canceled, false)]
    #[case::auctioned(|call: &mut Call| call.auction_id = Some(Uuid::nil()), false)]
    #[case::in_time(|call: &mut Call| call.tm_create = until(), false)]
    fn what_nobody_has_or_may_get_is_left(#[case] change: fn(&mut Call), #[case] left: bool) {
        let mut call = Call::default();
        change(&mut call);
        assert_eq!(is_left(&call, until()), left);
    }

    fn until() -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(1))
    }
}
