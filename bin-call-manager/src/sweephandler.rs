//! Rows that are of no use any more: pings that nobody accepted, and checks of calls that were refused long ago. What
//! belongs to a call stays as long as the call.

use std::time::Duration;

use bin_common_handler::{
    daemon::ManagerContext,
    databasehandler::Db,
    models::{error::Result, time::Timestamp},
};
use tracing::warn;

/// How often is looked.
const PERIOD: Duration = Duration::from_secs(300);
/// Rows that one transaction deletes, and transactions of one look.
const ROWS_MAX: i64 = 500;
const ROUNDS_MAX: u32 = 100;
/// How long a ping stands after its end: for whoever asks why.
const PINGS_KEPT: Duration = Duration::from_secs(24 * 3_600);
/// How long a refusal stands.
const REFUSALS_KEPT: Duration = Duration::from_secs(90 * 86_400);

/// Starts the job.
pub(crate) fn start(ctx: &ManagerContext) {
    let store = ctx.store.clone();
    ctx.tasks.every("sweep", PERIOD, move || {
        let store = store.clone();
        async move {
            if let Err(error) = sweep(&store.db, store.clock.now()).await {
                warn!(%error, "old pings and checks were not deleted; tried again later");
            }
        }
    });
}

/// Deletes what is over at `now`.
///
/// # Errors
/// 503 when the database is away.
pub async fn sweep(db: &Db, now: Timestamp) -> Result<()> {
    for (table, column, kept) in [
        ("exchange_pings", "expires", PINGS_KEPT),
        ("exchange_fraud_checks", "tm_create", REFUSALS_KEPT),
    ] {
        // Both databases take a limit only within a table of its own.
        let sql = format!(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM (\
             SELECT id FROM {table} WHERE call_id IS NULL AND {column} < ? LIMIT ?) AS old)"
        );
        let until = now.minus(kept);
        for _ in 0..ROUNDS_MAX {
            let values = vec![until.into(), ROWS_MAX.into()];
            let deleted = db.execute(&sql, values).await?;
            if deleted < u64::try_from(ROWS_MAX).unwrap_or_default() {
                break;
            }
        }
    }
    for table in ["exchange_ping_claims", "exchange_sip_nonces"] {
        let sql = format!(
            "DELETE FROM {table} WHERE digest IN (SELECT digest FROM (\
             SELECT digest FROM {table} WHERE expires < ? LIMIT ?) AS old)"
        );
        for _ in 0..ROUNDS_MAX {
            let values = vec![now.into(), ROWS_MAX.into()];
            let deleted = db.execute(&sql, values).await?;
            if deleted < u64::try_from(ROWS_MAX).unwrap_or_default() {
                break;
            }
        }
    }
    Ok(())
}
