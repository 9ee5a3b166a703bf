//! What is over: calls that nobody bought end, and rows go that are of no use any more: pings that nobody accepted, and
//! checks of calls that were refused long ago. What belongs to a call stays as long as the call. Who called a business is
//! forgotten when its conversations are.

use std::time::Duration;

use bin_common_handler::{
    daemon::ManagerContext,
    databasehandler::Store,
    models::{error::Result, time::Timestamp},
};
use tracing::warn;

use crate::{dbhandler::sweeps, routehandler::unsold};

/// How often is looked.
const PERIOD: Duration = Duration::from_secs(300);
/// How long a ping stands after its end: for whoever asks why.
const PINGS_KEPT: Duration = Duration::from_secs(24 * 3_600);
/// How long a refusal stands.
const REFUSALS_KEPT: Duration = Duration::from_secs(90 * 86_400);
/// How long it is known who called a business: thirteen months, as long as a conversation of it stands.
const CALLERS_KEPT: Duration = Duration::from_secs(396 * 86_400);
/// How often is looked for callers: a look goes through all calls.
const CALLERS_PERIOD: Duration = Duration::from_secs(3_600);

/// Starts the jobs.
pub(crate) fn start(ctx: &ManagerContext) {
    let store = ctx.store.clone();
    ctx.tasks.every("sweep", PERIOD, move || {
        let store = store.clone();
        async move {
            if let Err(error) = sweep(&store, store.clock.now()).await {
                warn!(%error, "not all that is over was swept; tried again later");
            }
        }
    });
    let store = ctx.store.clone();
    ctx.tasks.every("callers", CALLERS_PERIOD, move || {
        let store = store.clone();
        async move {
            if let Err(error) = forget_callers(&store, store.clock.now()).await {
                warn!(%error, "not all callers were forgotten; tried again later");
            }
        }
    });
}

/// Forgets who called businesses long before `now`. The calls stay, as figures count them.
///
/// # Errors
/// 503 when the database is away.
pub async fn forget_callers(store: &Store, now: Timestamp) -> Result<()> {
    sweeps::forget_callers(&store.db, now.minus(CALLERS_KEPT)).await
}

/// Ends and deletes what is over at `now`.
///
/// # Errors
/// 503 when the database is away.
pub async fn sweep(store: &Store, now: Timestamp) -> Result<()> {
    let (calls, rows) = (unsold::end_old(store, now).await, delete(store, now).await);
    calls.and(rows)
}

async fn delete(store: &Store, now: Timestamp) -> Result<()> {
    let db = &store.db;
    sweeps::of_no_call(db, "exchange_pings", "expires", now.minus(PINGS_KEPT)).await?;
    let refused = now.minus(REFUSALS_KEPT);
    sweeps::of_no_call(db, "exchange_fraud_checks", "tm_create", refused).await?;
    sweeps::expired(db, "exchange_ping_claims", "digest", now).await?;
    sweeps::expired(db, "exchange_sip_nonces", "digest", now).await?;
    sweeps::expired(db, "exchange_refusals", "buyer_id", now).await
}
