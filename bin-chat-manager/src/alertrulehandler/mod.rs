//! Alerts: figures that are watched, by a business's own rules or those that ship, and what people do about them.

pub(crate) mod changes;
pub(crate) mod watch;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    ids,
    models::{check::ensure, error::Result, identity::uuid_or_nil},
    resource::{self, ResourceHooks},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::{
        alerts,
        watches::{self, Key, Watched},
    },
    figures::alarm::{Metric, SHIPPED, Step, step},
    models::{
        alert::{Alert, AlertStatus},
        alertrule::AlertRule,
        conversation::Conversation,
    },
};
use changes::{ALERT_ESCALATE, write};

/// Longest reason, in characters: its column.
const REASON_MAX: usize = 64;
/// Told when an alert begins, or begins anew.
pub(crate) const TRIGGERED: &str = "alert_triggered";
/// Told when it is over.
pub(crate) const RESOLVED: &str = "alert_resolved";

impl ResourceHooks<AlertRule> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&AlertRule>,
        after: &mut AlertRule,
    ) -> Result<()> {
        if before.is_none() {
            let room = &self.rooms.alert_rules;
            room.take(tx, after.customer_id, 1).await?;
            if own(tx, after.customer_id, after.metric).await?.is_some() {
                return Err(resource::exists::<AlertRule>());
            }
        }
        let is_live = after.tm_delete.is_none();
        after.live_metric = is_live.then(|| after.metric.to_string());
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
        customer_id: ctx.scope.required_owner(told.customer_id)?,
        metric: told.metric,
        entity_id: told.entity_id,
    };
    let mut tx = app.store.begin(ctx).await?;
    let id = observe(&mut tx, key, told.value).await?;
    let alert = tx.get::<Alert>(id).await?;
    tx.commit(Observed { alert }).await
}

/// A figure of the installation, as another manager tells it of itself.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct InstallationFigure {
    /// `outbox_age` or `signature_failures`.
    metric: Metric,
    /// How high it is now; 0 when all is well again.
    value: f64,
    /// Of which manager or process.
    #[serde(deserialize_with = "uuid_or_nil")]
    entity_id: Uuid,
}

/// Takes a figure of the installation; the alert is the operator's.
///
/// # Errors
/// 400 naming the metric where it is a business's; 503.
pub(crate) async fn report_own(
    app: &App,
    ctx: &RequestContext,
    told: &InstallationFigure,
) -> Result<Observed> {
    ensure(
        matches!(told.metric, Metric::OutboxAge | Metric::SignatureFailures),
        "metric",
        "must be outbox_age or signature_failures",
    )?;
    let key = Key {
        customer_id: Uuid::nil(),
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
    let own = own(tx, customer_id, metric).await?;
    let rule = own.or_else(|| AlertRule::shipped(metric));
    Ok(rule.filter(|rule| rule.active))
}

/// The business's own rule of a metric. Where there are several from before there could be one only, an active one.
async fn own(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    metric: Metric,
) -> Result<Option<AlertRule>> {
    match alerts::rule_of(tx, customer_id, metric).await? {
        Some(id) => tx.get::<AlertRule>(id).await,
        None => Ok(None),
    }
}

/// What happened in a conversation, and is no figure: told each time, unless the same is told and nobody has looked yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incident<'i> {
    /// What.
    pub metric: Metric,
    /// Why: a stable word, and never what a person wrote.
    pub reason: &'i str,
    /// The message that it is about.
    pub message_id: Option<Uuid>,
}

/// Tells the business what happened in a conversation, which is held.
///
/// # Errors
/// 503.
pub(crate) async fn tell(
    tx: &mut ChangeTx<'_>,
    conversation: &Conversation,
    incident: Incident<'_>,
) -> Result<()> {
    let customer_id = conversation.customer_id;
    let Some(rule) = rule(tx, customer_id, incident.metric).await? else {
        return Ok(());
    };
    let alert = Alert {
        customer_id,
        metric: incident.metric,
        entity_id: incident.message_id.unwrap_or(conversation.id),
        conversation_id: conversation.id,
        message_id: incident.message_id,
        reason: incident.reason.chars().take(REASON_MAX).collect(),
        value: 1.0,
        ..Alert::default()
    };
    if incident.message_id.is_none() && alerts::is_told(tx, &alert).await? {
        return Ok(());
    }
    trigger(tx, alert, &rule).await.map(drop)
}

/// Tells the business of what failed and is about no conversation, such as a delivery.
///
/// # Errors
/// 503.
pub(crate) async fn notice(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    metric: Metric,
    entity_id: Uuid,
    reason: &str,
) -> Result<()> {
    let Some(rule) = rule(tx, customer_id, metric).await? else {
        return Ok(());
    };
    let alert = Alert {
        customer_id,
        metric,
        entity_id,
        reason: reason.chars().take(REASON_MAX).collect(),
        value: 1.0,
        ..Alert::default()
    };
    trigger(tx, alert, &rule).await.map(drop)
}

/// A conversation waits for an answer so long, in seconds; 0 when it does not any more.
///
/// # Errors
/// 503.
pub(crate) async fn unanswered(
    tx: &mut ChangeTx<'_>,
    conversation: &Conversation,
    seconds: f64,
) -> Result<()> {
    let key = Key {
        customer_id: conversation.customer_id,
        metric: Metric::UnansweredConversation,
        entity_id: conversation.id,
    };
    if seconds <= 0.0 && !watches::is_watched(tx, key).await? {
        return Ok(());
    }
    observe(tx, key, seconds).await.map(drop)
}

async fn begin(tx: &mut ChangeTx<'_>, key: Key, rule: &AlertRule, value: f64) -> Result<Uuid> {
    let is_of_conversation = key.metric == Metric::UnansweredConversation;
    let alert = Alert {
        customer_id: key.customer_id,
        metric: key.metric,
        entity_id: key.entity_id,
        conversation_id: if is_of_conversation {
            key.entity_id
        } else {
            Uuid::nil()
        },
        value,
        ..Alert::default()
    };
    trigger(tx, alert, rule).await
}

async fn trigger(tx: &mut ChangeTx<'_>, alert: Alert, rule: &AlertRule) -> Result<Uuid> {
    let now = tx.now();
    let alert = Alert {
        id: ids::next(),
        alert_rule_id: rule.id,
        status: AlertStatus::Triggered,
        threshold: rule.threshold,
        channels: rule.channels.clone(),
        tm_create: now,
        tm_update: now,
        ..alert
    };
    tx.insert(&alert).await?;
    tx.emit(TRIGGERED, &alert, alert.customer_id).await?;
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
