//! Figures that are looked at again and again: how fast the first texts are, how old the outbox is, how often the carrier fails,
//! and how many signatures are wrong. Other managers tell of their own outboxes and signatures.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use bin_common_handler::{
    config::Setting,
    context::RequestContext,
    daemon::ManagerContext,
    ids,
    models::{error::Result, identity::Scope, time::Timestamp},
    vitals,
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
/// An event that waits for less is on its way, in seconds.
const ON_ITS_WAY: f64 = 1.0;
/// Calls and failures of so long count.
const WINDOW: Duration = Duration::from_secs(600);

/// Starts the job. Every replica looks; the figure's row is held, so that an alert begins once.
pub(crate) fn start(ctx: &ManagerContext, app: &App) {
    let app = app.clone();
    let period = ctx.config.get(&PERIOD);
    let process = ids::next();
    ctx.tasks.every("alerts", period, move || {
        let app = app.clone();
        async move {
            if let Err(fault) = look(&app, process).await {
                warn!(%fault, "figures not looked at");
            }
        }
    });
}

/// Looks at every figure once. Wrong signatures are counted by each process, so their figure is of `process`.
async fn look(app: &App, process: Uuid) -> Result<()> {
    let now = app.store.clock.now();
    let age = vitals::outbox_age(&app.store).await?;
    let age = if age < ON_ITS_WAY { 0.0 } else { age };
    tell(app, installations(Metric::OutboxAge, Uuid::nil()), age).await?;
    let wrong = f64::from(app.figures.signatures.recent());
    tell(
        app,
        installations(Metric::SignatureFailures, process),
        wrong,
    )
    .await?;
    let since = now.minus(WINDOW);
    provider_failures(app, since).await?;
    first_texts(app, since, now).await
}

const fn installations(metric: Metric, entity_id: Uuid) -> Key {
    Key {
        customer_id: Uuid::nil(),
        metric,
        entity_id,
    }
}

const fn of(customer_id: Uuid, metric: Metric) -> Key {
    Key {
        customer_id,
        metric,
        entity_id: Uuid::nil(),
    }
}

/// Each text that failed has an alert of its own; these are counted.
async fn provider_failures(app: &App, since: Timestamp) -> Result<()> {
    let db = &app.store.db;
    let mut counts = watches::alerts_since(db, Metric::ProviderFailure, since).await?;
    for customer_id in watches::businesses(db, Metric::ProviderFailures).await? {
        counts.entry(customer_id).or_insert(0);
    }
    for (customer_id, count) in counts {
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        tell(app, of(customer_id, Metric::ProviderFailures), count).await?;
    }
    Ok(())
}

async fn first_texts(app: &App, since: Timestamp, now: Timestamp) -> Result<()> {
    let db = &app.store.db;
    let mut businesses = facts::with_missed_calls(db, since).await?;
    businesses.extend(watches::businesses(db, Metric::FirstTextP95).await?);
    businesses.sort_unstable();
    businesses.dedup();
    for customer_id in businesses {
        let found = facts::between(db, customer_id, since, now).await?;
        let waiting = facts::greetings_waiting(db, customer_id, since).await?;
        let p95 = first_text_p95(&found, &waiting, now);
        tell(app, of(customer_id, Metric::FirstTextP95), p95).await?;
    }
    Ok(())
}

/// A transaction only where there is something to keep.
async fn tell(app: &App, key: Key, value: f64) -> Result<()> {
    if value <= 0.0 && !watches::is_known(&app.store.db, key).await? {
        return Ok(());
    }
    let mut ctx = RequestContext::internal();
    if !key.customer_id.is_nil() {
        ctx.scope = Scope::tenant(key.customer_id);
    }
    let mut tx = app.store.begin(&ctx).await?;
    observe(&mut tx, key, value).await?;
    tx.commit(()).await
}

/// From the end of a missed call to its first text, 95 of 100, in seconds; 0 without any. Calls in `waiting` have a text that
/// did not leave: they wait until now.
fn first_text_p95(found: &[Counted], waiting: &HashSet<Uuid>, now: Timestamp) -> f64 {
    let of = |kind: FactKind| {
        let facts = found.iter().filter(move |fact| fact.kind == kind.as_str());
        facts.map(|fact| (fact.entity_id, fact.tm_at.micros()))
    };
    let greeted: HashMap<_, _> = of(FactKind::Greeted).collect();
    let mut waits: Vec<_> = of(FactKind::Missed)
        .filter_map(|(call, ended)| {
            let sent = greeted.get(&call).copied();
            let sent = sent.or_else(|| waiting.contains(&call).then_some(now.micros()))?;
            Some((sent - ended) / 1_000)
        })
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn fact(kind: FactKind, call: u128, seconds: i64) -> Counted {
        Counted {
            kind: kind.to_string(),
            entity_id: Uuid::from_u128(call),
            parent_id: Uuid::nil(),
            label: String::new(),
            value: 0,
            currency: String::new(),
            tm_at: Timestamp::from_micros(seconds * 1_000_000),
        }
    }

    #[rstest]
    #[case::nothing(&[], &[], &[], 0.0)]
    #[case::greeted(&[(1, 10)], &[(1, 13)], &[], 3.0)]
    // Nobody is greeted twice a day: that is no delay.
    #[case::need_not_be_greeted(&[(1, 10), (2, 20)], &[(1, 13)], &[], 3.0)]
    #[case::the_carrier_is_away(&[(1, 10)], &[], &[1], 90.0)]
    #[case::one_of_two_waits(&[(1, 10), (2, 40)], &[(1, 13)], &[2], 60.0)]
    fn calls_whose_text_did_not_leave_count_as_late(
        #[case] missed: &[(u128, i64)],
        #[case] greeted: &[(u128, i64)],
        #[case] waiting: &[u128],
        #[case] expected: f64,
    ) {
        let facts = |kind: FactKind, of: &[(u128, i64)]| -> Vec<_> {
            of.iter().map(|(call, at)| fact(kind, *call, *at)).collect()
        };
        let found = [
            facts(FactKind::Missed, missed),
            facts(FactKind::Greeted, greeted),
        ]
        .concat();
        let waiting = waiting.iter().map(|call| Uuid::from_u128(*call)).collect();
        let now = Timestamp::from_micros(100_000_000);
        let p95 = first_text_p95(&found, &waiting, now);
        assert!((p95 - expected).abs() < 1e-9, "{p95}");
    }
}
