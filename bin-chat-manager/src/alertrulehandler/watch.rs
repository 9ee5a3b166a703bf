//! Figures that are looked at again and again: how fast the first texts are, and how old the outbox is. What happens by itself,
//! such as a wrong signature, is told by whoever meets it.

use std::{collections::HashMap, time::Duration};

use bin_common_handler::{
    config::Setting,
    context::RequestContext,
    daemon::ManagerContext,
    models::{error::Result, identity::Scope, time::Timestamp},
};
use tracing::warn;
use uuid::Uuid;

use super::observe;
use crate::{
    app::App,
    dbhandler::{
        facts,
        watches::{self, Key},
    },
    figures::{
        alarm::Metric,
        facts::FactKind,
        sums::{Counted, percentile},
    },
};

/// How often is looked.
pub(crate) const PERIOD: Setting<Duration> = Setting::duration(
    "ALERTS_PERIOD",
    "30s",
    100..=600_000,
    "How often the figures are looked at that alerts are made of",
    "30s",
);
/// Calls of so long count.
const WINDOW: Duration = Duration::from_secs(600);

/// Starts the job. Every replica looks; the figure's row is held, so that an alert begins once.
pub(crate) fn start(ctx: &ManagerContext, app: &App) {
    let app = app.clone();
    let period = ctx.config.get(&PERIOD);
    ctx.tasks.every("alerts", period, move || {
        let app = app.clone();
        async move {
            if let Err(fault) = look(&app).await {
                warn!(%fault, "figures not looked at");
            }
        }
    });
}

/// Looks at every figure once.
pub(crate) async fn look(app: &App) -> Result<()> {
    let now = app.store.clock.now();
    let age = outbox_age(app, now).await?;
    tell(app, Metric::OutboxAge, Uuid::nil(), age).await?;
    let since = now.minus(WINDOW);
    let db = &app.store.db;
    let mut businesses = facts::with_missed_calls(db, since).await?;
    businesses.extend(watches::businesses(db, Metric::FirstTextP95).await?);
    businesses.sort_unstable();
    businesses.dedup();
    for customer_id in businesses {
        let found = facts::between(db, customer_id, since, now).await?;
        tell(
            app,
            Metric::FirstTextP95,
            customer_id,
            first_text_p95(&found),
        )
        .await?;
    }
    Ok(())
}

/// A transaction only where there is something to keep.
async fn tell(app: &App, metric: Metric, customer_id: Uuid, value: f64) -> Result<()> {
    let key = Key {
        customer_id,
        metric,
        entity_id: Uuid::nil(),
    };
    if value <= 0.0 && !watches::is_known(&app.store.db, key).await? {
        return Ok(());
    }
    let mut ctx = RequestContext::internal();
    if !customer_id.is_nil() {
        ctx.scope = Scope::tenant(customer_id);
    }
    let mut tx = app.store.begin(&ctx).await?;
    observe(&mut tx, key, value).await?;
    tx.commit(()).await
}

/// In seconds; 0 while nothing waits longer than a moment.
async fn outbox_age(app: &App, now: Timestamp) -> Result<f64> {
    #[derive(sqlx::FromRow)]
    struct Oldest {
        at: Option<i64>,
    }
    let sql = format!(
        "SELECT MIN(tm_create) AS at FROM {}_outbox",
        app.store.prefix()
    );
    let found: Option<Oldest> = app.store.db.fetch_optional(&sql, Vec::new()).await?;
    let at = found.and_then(|oldest| oldest.at).unwrap_or(now.micros());
    let age = seconds(now.micros().saturating_sub(at) / 1_000);
    Ok(if age < 1.0 { 0.0 } else { age })
}

/// From the end of a missed call to its first text, 95 of 100, in seconds; 0 without any.
fn first_text_p95(found: &[Counted]) -> f64 {
    let of = |kind: FactKind| {
        let facts = found.iter().filter(move |fact| fact.kind == kind.as_str());
        facts.map(|fact| (fact.entity_id, fact.tm_at.micros()))
    };
    let greeted: HashMap<_, _> = of(FactKind::Greeted).collect();
    let mut waits: Vec<_> = of(FactKind::Missed)
        .filter_map(|(call, ended)| Some((greeted.get(&call)? - ended) / 1_000))
        .collect();
    waits.sort_unstable();
    percentile(&waits, 95).map_or(0.0, seconds)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a span of at most days, in milliseconds"
)]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
