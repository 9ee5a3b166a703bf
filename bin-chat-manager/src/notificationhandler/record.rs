//! What became of a try: the next one, or the end and an alert.

use bin_common_handler::{
    context::RequestContext, databasehandler::ChangeTx, models::error::Result,
};
use uuid::Uuid;

use super::{NOTIFY, quiet};
use crate::{
    alertrulehandler,
    app::App,
    conflicts::Conflicts,
    figures::alarm::Metric,
    models::{
        notification::{Notification, NotificationStatus},
        retry::{self, Outcome},
    },
};

/// The cause of a notification that tells of an alert begins with this.
pub(crate) const ALERT: &str = "alert:";

/// Writes down what came of the try of a notification as it was `seen`. A conflict with other work must not lose it: what
/// has left would leave again.
///
/// # Errors
/// 503.
pub(super) async fn record(app: &App, seen: &Notification, outcome: Outcome) -> Result<()> {
    let mut conflicts = Conflicts::default();
    while let Err(error) = record_once(app, seen, outcome).await {
        conflicts.again(error).await?;
    }
    Ok(())
}

async fn record_once(app: &App, seen: &Notification, outcome: Outcome) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let Some(mut row) = lock(&mut tx, seen).await? else {
        return Ok(());
    };
    settle(&mut tx, &mut row, outcome).await?;
    tx.commit(()).await
}

/// Holds a notification that still is as it was `seen`.
///
/// # Errors
/// 503.
pub(super) async fn lock(
    tx: &mut ChangeTx<'_>,
    seen: &Notification,
) -> Result<Option<Notification>> {
    let found = tx.lock::<Notification>(seen.id).await?;
    let is_same =
        |row: &Notification| row.status == NotificationStatus::Pending && row.tries == seen.tries;
    Ok(found.filter(is_same))
}

/// Writes a locked notification after a try.
///
/// # Errors
/// 503.
pub(super) async fn settle(
    tx: &mut ChangeTx<'_>,
    row: &mut Notification,
    outcome: Outcome,
) -> Result<()> {
    row.tries = row.tries.saturating_add(1);
    row.tm_next = None;
    let kind = match outcome {
        Outcome::Sent => {
            row.status = NotificationStatus::Sent;
            row.error_code.clear();
            row.tm_sent = Some(tx.now());
            "notification_sent"
        }
        Outcome::Refused(code) => fail(tx, row, code).await?,
        Outcome::TryAgain(code) => match retry::pause_after(row.tries) {
            Some(pause) => {
                let next = tx.now().plus(pause);
                row.tm_next = Some(quiet::after(&row.quiet_hours.0, &row.timezone, next));
                code.clone_into(&mut row.error_code);
                "notification_updated"
            }
            None => fail(tx, row, code).await?,
        },
    };
    match row.tm_next {
        Some(next) => tx.schedule(NOTIFY, row.id, next, &()).await?,
        None => tx.cancel(NOTIFY, row.id).await.map(drop)?,
    }
    row.tm_update = tx.next_version(row.tm_update);
    tx.update(row).await?;
    tx.emit(kind, row, row.customer_id).await
}

/// It is not tried again, and somebody is told: unless it was to tell of an alert, which would never end.
async fn fail(
    tx: &mut ChangeTx<'_>,
    row: &mut Notification,
    code: &'static str,
) -> Result<&'static str> {
    row.status = NotificationStatus::Failed;
    code.clone_into(&mut row.error_code);
    if !row.cause_key.starts_with(ALERT) {
        let metric = Metric::NotificationFailure;
        alertrulehandler::notice(tx, row.customer_id, metric, row.id, code).await?;
    }
    Ok("notification_failed")
}

/// Its timer is no longer needed.
///
/// # Errors
/// 503.
pub(super) async fn forget(app: &App, id: Uuid) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    tx.cancel(NOTIFY, id).await?;
    tx.commit(()).await
}
