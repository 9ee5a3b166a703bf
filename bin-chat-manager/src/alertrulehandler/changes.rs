//! What people do about alerts: look after them, put them off, end them. Nobody does anything: they are told again.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::{check::ensure, error::Result, time::Timestamp},
    resource::{self, ResourceHooks},
    timerhandler::Timer,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{RESOLVED, TRIGGERED};
use crate::{
    app::App,
    models::alert::{Alert, AlertStatus},
};

/// Nobody has looked.
pub(crate) const ALERT_ESCALATE: &str = "alert_escalate";
/// Somebody wanted to look later, and that is now.
pub(crate) const ALERT_WAKE: &str = "alert_wake";
/// Told when nobody has looked.
const ESCALATED: &str = "alert_escalated";
const UPDATED: &str = "alert_updated";
/// Longest time that an alert is put off.
const SNOOZE_MAX: Duration = Duration::from_secs(7 * 86_400);

impl ResourceHooks<Alert> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        _: &mut ChangeTx<'_>,
        _: &RequestContext,
        _: Option<&Alert>,
        _: &mut Alert,
    ) -> Result<()> {
        Ok(())
    }
}

/// Body of a request to be left alone.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct Snooze {
    /// Until when; at most seven days from now.
    tm_until: Timestamp,
}

/// Somebody looks after it.
pub(crate) async fn acknowledge(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Alert> {
    change(app, ctx, id, AlertStatus::Acknowledged, None).await
}

/// It is over.
pub(crate) async fn resolve(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Alert> {
    change(app, ctx, id, AlertStatus::Resolved, None).await
}

/// Somebody looks later.
pub(crate) async fn snooze(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: &Snooze,
) -> Result<Alert> {
    let now = app.store.clock.now();
    ensure(body.tm_until > now, "tm_until", "must not be in the past")?;
    let latest = now.plus(SNOOZE_MAX);
    ensure(
        body.tm_until <= latest,
        "tm_until",
        "must be within seven days",
    )?;
    change(app, ctx, id, AlertStatus::Snoozed, Some(body.tm_until)).await
}

/// The same status again changes nothing.
async fn change(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    next: AlertStatus,
    until: Option<Timestamp>,
) -> Result<Alert> {
    let mut tx = app.store.begin(ctx).await?;
    let before = resource::lock_live::<Alert>(&mut tx, ctx, id).await?;
    if before.status == next {
        return tx.commit(before).await;
    }
    let mut after = before.with_status(next, tx.now())?;
    after.tm_snooze = until;
    tx.cancel(ALERT_ESCALATE, id).await?;
    match until {
        Some(at) => tx.schedule(ALERT_WAKE, id, at, &()).await?,
        None => tx.cancel(ALERT_WAKE, id).await.map(drop)?,
    }
    let kind = if next == AlertStatus::Resolved {
        RESOLVED
    } else {
        UPDATED
    };
    let after = write(&mut tx, &before, after, kind).await?;
    tx.commit(after).await
}

/// Writes a locked alert in its new form, with one event.
pub(super) async fn write(
    tx: &mut ChangeTx<'_>,
    before: &Alert,
    mut after: Alert,
    kind: &str,
) -> Result<Alert> {
    after.tm_update = tx.next_version(before.tm_update);
    tx.update(&after).await?;
    tx.emit(kind, &after, after.customer_id).await?;
    Ok(after)
}

/// Nobody has looked: it is told again.
pub(crate) async fn escalate(_: App, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let found = tx.lock::<Alert>(timer.entity_id).await?;
    let Some(before) = found.filter(|alert| alert.status == AlertStatus::Triggered) else {
        return Ok(());
    };
    let after = Alert {
        escalated: true,
        ..before.clone()
    };
    write(tx, &before, after, ESCALATED).await.map(drop)
}

/// The time is over for which somebody put it off.
pub(crate) async fn wake(_: App, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let found = tx.lock::<Alert>(timer.entity_id).await?;
    let Some(before) = found.filter(|alert| alert.status == AlertStatus::Snoozed) else {
        return Ok(());
    };
    let after = before.with_status(AlertStatus::Triggered, tx.now())?;
    write(tx, &before, after, TRIGGERED).await.map(drop)
}
