//! Alerts: figures that are watched, by a business's own rules or those that ship, and what people do about them.

pub(crate) mod changes;
mod tell;
pub(crate) mod watch;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    ids,
    models::{error::Result, identity::uuid_or_nil},
    resource::ResourceHooks,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    customerhandler::tenant,
    dbhandler::watches::{self, Key, Watched},
    figures::alarm::{Metric, SHIPPED, Step, step},
    models::{
        alert::{Alert, AlertStatus},
        alertrule::AlertRule,
    },
};
use changes::{ALERT_ESCALATE, write};

/// Told when an alert begins, or begins anew.
pub(crate) const TRIGGERED: &str = "alert_triggered";
/// Told when it is over.
pub(crate) const RESOLVED: &str = "alert_resolved";

impl ResourceHooks<AlertRule> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        tenant(ctx, named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&AlertRule>,
        after: &mut AlertRule,
    ) -> Result<()> {
        if before.is_none() {
            self.rooms
                .alert_rules
                .take(tx, after.customer_id, 1)
                .await?;
        }
        Ok(())
    }
}

/// The rules that ship.
pub(crate) fn shipped() -> Vec<AlertRule> {
    let metrics = SHIPPED.iter().map(|(metric, _)| *metric);
    metrics.filter_map(AlertRule::shipped).collect()
}

/// A figure, as a monitor or another manager tells it.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct Observation {
    /// The figure.
    metric: Metric,
    /// How high it is now.
    value: f64,
    /// What it is about, such as a conversation; missing for all of the tenant's.
    #[serde(default, deserialize_with = "uuid_or_nil")]
    #[schemars(with = "Option<Uuid>")]
    entity_id: Uuid,
    /// The tenant; a key that belongs to one leaves it out.
    #[serde(default)]
    customer_id: Option<Uuid>,
}

/// What a look at a figure led to.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct Observed {
    /// The alert that stands; null for none.
    alert: Option<Alert>,
}

/// Takes a figure from outside.
pub(crate) async fn report(
    app: &App,
    ctx: &RequestContext,
    told: &Observation,
) -> Result<Observed> {
    let key = Key {
        customer_id: tenant(ctx, told.customer_id)?,
        metric: told.metric,
        entity_id: told.entity_id,
    };
    let mut tx = app.store.begin(ctx).await?;
    let id = observe(&mut tx, key, told.value).await?;
    let alert = tx.get::<Alert>(id).await?;
    tx.commit(Observed { alert }).await
}

/// Looks at a figure: begins an alert, or ends one. The alert that stands; nil for none.
///
/// # Errors
/// Whatever the database says.
pub(crate) async fn observe(tx: &mut ChangeTx<'_>, key: Key, value: f64) -> Result<Uuid> {
    let Some(rule) = rule(tx, key.customer_id, key.metric).await? else {
        return Ok(Uuid::nil());
    };
    let now = tx.now();
    let known = watches::lock(tx, key).await?;
    let (watch, step) = step(known.watch, rule.limits(), value, now);
    let alert_id = match step {
        Step::Trigger => begin(tx, key, &rule, value).await?,
        Step::Resolve => {
            end(tx, known.alert_id).await?;
            Uuid::nil()
        }
        Step::None => known.alert_id,
    };
    let is_cool = watch
        .last
        .is_none_or(|last| now >= last.plus(rule.limits().cooldown));
    if watch.since.is_none() && !watch.stands && is_cool {
        watches::forget(tx, key).await?;
        return Ok(Uuid::nil());
    }
    watches::save(tx, key, Watched { watch, alert_id }).await?;
    Ok(alert_id)
}

/// The business's own rule of a metric, else the one that ships; none where its own is inactive.
async fn rule(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    metric: Metric,
) -> Result<Option<AlertRule>> {
    #[derive(sqlx::FromRow)]
    struct Found {
        id: Uuid,
    }
    let sql = "SELECT id FROM chat_alert_rules \
               WHERE customer_id = ? AND metric = ? AND tm_delete IS NULL ORDER BY id LIMIT 1";
    let values = vec![customer_id.into(), metric.into()];
    let found: Option<Found> = tx.sql().fetch_optional(sql, values).await?;
    let own = match found {
        Some(Found { id }) => tx.get::<AlertRule>(id).await?,
        None => None,
    };
    let rule = own.or_else(|| AlertRule::shipped(metric));
    Ok(rule.filter(|rule| rule.active))
}

async fn begin(tx: &mut ChangeTx<'_>, key: Key, rule: &AlertRule, value: f64) -> Result<Uuid> {
    let now = tx.now();
    let alert = Alert {
        id: ids::next(),
        customer_id: key.customer_id,
        alert_rule_id: rule.id,
        metric: key.metric,
        entity_id: key.entity_id,
        status: AlertStatus::Triggered,
        value,
        threshold: rule.threshold,
        channels: rule.channels.clone(),
        tm_create: now,
        tm_update: now,
        ..Alert::default()
    };
    tx.insert(&alert).await?;
    tx.emit(TRIGGERED, &alert, alert.customer_id).await?;
    tell::tell(tx, &alert, "triggered").await?;
    if rule.escalate_after_seconds > 0 {
        let seconds = u64::from(rule.escalate_after_seconds.unsigned_abs());
        let at = now.plus(std::time::Duration::from_secs(seconds));
        tx.schedule(ALERT_ESCALATE, alert.id, at, &()).await?;
    }
    Ok(alert.id)
}

/// The figure is as it should be again.
async fn end(tx: &mut ChangeTx<'_>, alert_id: Uuid) -> Result<()> {
    let Some(before) = tx.lock::<Alert>(alert_id).await? else {
        return Ok(());
    };
    if before.status == AlertStatus::Resolved {
        return Ok(());
    }
    let after = before.with_status(AlertStatus::Resolved, tx.now())?;
    write(tx, &before, after, RESOLVED).await.map(drop)
}
