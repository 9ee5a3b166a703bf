//! Results whose call is not known: kept for a look, for 30 days.

use std::time::Duration;

use bin_common_handler::{
    daemon::Tasks,
    databasehandler::{ChangeTx, Store},
    ids,
    models::{error::Result, time::Timestamp},
};
use tracing::warn;
use uuid::Uuid;

use super::{Reported, matching::Keys};
use crate::{
    app::App,
    dbhandler::callresults,
    models::callresult::{CallResult, Unmatched},
};

/// How long they are kept.
const KEPT_FOR: Duration = Duration::from_secs(30 * 86_400);
const SWEEP_PERIOD: Duration = Duration::from_secs(600);
const SWEEP_BATCH: i64 = 500;
/// Batches of one sweep at most; the rest waits for the next.
const SWEEP_BATCHES_MAX: usize = 100;
/// Longest text that is kept, in characters.
const TEXT_MAX: usize = 64;

/// Keeps a result by itself.
pub(super) async fn keep(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    keys: &Keys,
    result: &CallResult,
) -> Result<Reported> {
    let now = tx.next_version(Timestamp::default());
    let short = |text: &str| text.chars().take(TEXT_MAX).collect::<String>();
    let outcome = result.verdict.map(|verdict| verdict.outcome.to_string());
    let row = Unmatched {
        id: ids::next(),
        customer_id,
        source: result.source,
        uniqueid: short(result.call_ids.first().map_or("", String::as_str)),
        phone_hash: keys.phone.map(|hash| hash.to_vec()),
        phone_last4: result
            .person
            .as_ref()
            .map_or(String::new(), |person| person.last4().to_owned()),
        number: result
            .did
            .as_ref()
            .map_or(String::new(), |did| did.as_str().to_owned()),
        vicidial_campaign_id: short(&result.campaign),
        lead_id: short(&result.lead_id),
        outcome: outcome.unwrap_or_default(),
        disposition: short(result.said()),
        duration_seconds: result.duration_seconds.unwrap_or_default(),
        tm_call: result.tm_call,
        tm_create: now,
        tm_update: now,
    };
    tx.insert(&row).await?;
    Ok(Reported {
        success: true,
        matched: false,
        usage_id: None,
        outcome: row.outcome,
        answer_rate: None,
    })
}

/// Forgets what was kept for long enough, while the daemon runs.
pub(crate) fn start_jobs(app: &App, tasks: &Tasks) {
    let store = app.store.clone();
    tasks.every("unmatched results sweep", SWEEP_PERIOD, move || {
        let store = store.clone();
        async move {
            if let Err(fault) = sweep(&store).await {
                warn!(%fault, "unmatched results not swept");
            }
        }
    });
}

async fn sweep(store: &Store) -> std::result::Result<(), sqlx::Error> {
    let end = store.clock.now().minus(KEPT_FOR);
    for _ in 0..SWEEP_BATCHES_MAX {
        if !callresults::delete_before(&store.db, end, SWEEP_BATCH).await? {
            return Ok(());
        }
    }
    Ok(())
}
