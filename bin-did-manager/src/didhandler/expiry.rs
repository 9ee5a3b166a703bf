//! Statuses that end by themselves: written down, and said, a while after they have. Giving numbers out does
//! not wait for it: it goes by the time.

use bin_common_handler::{context::RequestContext, models::error::Result, resource};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::dids,
    models::{did::Did, didstatus::StatusPeriod},
};

/// Numbers looked at in one round.
const BATCH: u32 = 500;

/// One round; a failure waits for the next.
pub(crate) async fn end_statuses(app: App) {
    match end_all(&app).await {
        Ok(0) => {}
        Ok(numbers) => info!(numbers, "statuses ended"),
        Err(error) => warn!(%error, "statuses not brought up to date"),
    }
}

async fn end_all(app: &App) -> Result<usize> {
    let now = app.store.clock.now();
    let due = dids::ended(&app.store.db, now, BATCH).await?;
    for id in &due {
        end_one(app, *id).await?;
    }
    Ok(due.len())
}

/// Each in a transaction of its own; another replica may have been faster.
async fn end_one(app: &App, id: Uuid) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let before = resource::lock_live::<Did>(&mut tx, &ctx, id).await?;
    let now = app.store.clock.now();
    let StatusPeriod { status, until } = before.status_period().at(now);
    if status == before.status {
        return Ok(());
    }
    let began = before.until.unwrap_or(now);
    let after = Did {
        status,
        until,
        tm_status: began,
        ..before.clone()
    };
    resource::update_locked(app, &mut tx, &ctx, &before, after).await?;
    tx.commit(()).await
}
