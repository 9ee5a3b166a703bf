//! An alert rule: when a figure must not be overlooked.

use std::time::Duration;

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, short_list},
        error::Result,
        text::NAME_MAX,
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::notification::{NotificationChannel, recipient};
use crate::figures::alarm::{Limits, Metric, SHIPPED};

/// Longest span of a rule, in seconds: a week.
const SPAN_MAX: i32 = 7 * 86_400;
/// Largest threshold.
const THRESHOLD_MAX: f64 = 1e12;
/// Ways to tell somebody; each alert's event names them.
const CHANNELS_MAX: usize = 10;

/// When a figure is an alarm. A business without a rule of its own for a metric has the one that ships.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "alertrule", table = "chat_alert_rules", check = check)]
pub struct AlertRule {
    /// UUIDv7; nil for one that ships.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// What it is called.
    #[resource(set, filter, max_chars = NAME_MAX)]
    pub name: String,
    /// The figure.
    #[resource(set, filter)]
    pub metric: Metric,
    /// What the figure must exceed.
    #[resource(set)]
    pub threshold: f64,
    /// For how long, in seconds; 0 = at once.
    #[resource(set, min = 0, max = SPAN_MAX)]
    pub duration_seconds: i32,
    /// How long after an alert began another one may, in seconds.
    #[resource(set, min = 0, max = SPAN_MAX)]
    pub cooldown_seconds: i32,
    /// By which ways it is told, e.g. `email:ann@example.com`, `sms:+14155550123`, `push:<user-id>`,
    /// `webhook:<webhook-endpoint-id>`; a word alone stands in the alert's event only.
    #[schemars(with = "Vec<String>")]
    #[resource(set)]
    pub channels: Json<Vec<String>>,
    /// How long nobody may look at an alert before it is told again, in seconds; 0 = for ever.
    #[resource(set, min = 0, max = SPAN_MAX)]
    pub escalate_after_seconds: i32,
    /// Whether it is watched; an inactive one turns off the one that ships.
    #[resource(set)]
    pub active: bool,
    /// The figure while the rule is live. Unique, so there is one rule of each; null also for what is older than that rule.
    #[serde(skip)]
    #[schemars(skip)]
    pub live_metric: Option<String>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Default for AlertRule {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            name: String::new(),
            metric: Metric::default(),
            threshold: 0.0,
            duration_seconds: 0,
            cooldown_seconds: 0,
            channels: Json::default(),
            escalate_after_seconds: 0,
            active: true,
            live_metric: None,
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

fn check(rule: &mut AlertRule, before: Option<&AlertRule>, _: Timestamp) -> Result<()> {
    let is_threshold = rule.threshold >= 0.0 && rule.threshold <= THRESHOLD_MAX;
    ensure(is_threshold, "threshold", "must be from 0")?;
    short_list("channels", &rule.channels)?;
    ensure(
        rule.channels.len() <= CHANNELS_MAX,
        "channels",
        "has at most 10 entries",
    )?;
    for channel in rule.channels.iter().filter(|text| text.contains(':')) {
        let is_known = named(channel).is_some();
        ensure(
            is_known,
            "channels",
            "has entries such as email:ann@example.com, or a word alone",
        )?;
    }
    let is_same = before.is_none_or(|before| before.metric == rule.metric);
    ensure(is_same, "metric", "cannot be changed")
}

/// Whom a channel names, such as `email:ann@example.com` or `push:<user-id>`; none for a word alone.
pub fn named(channel: &str) -> Option<(NotificationChannel, &str)> {
    let (channel, to) = channel.split_once(':')?;
    let channel = NotificationChannel::parse(channel)?;
    recipient(channel, to).ok().map(|_| (channel, to))
}

impl AlertRule {
    /// The rule of a metric that ships.
    pub fn shipped(metric: Metric) -> Option<Self> {
        let (_, limits) = SHIPPED.iter().find(|(known, _)| *known == metric)?;
        let seconds = |span: Duration| i32::try_from(span.as_secs()).unwrap_or(SPAN_MAX);
        Some(Self {
            name: metric.to_string(),
            metric,
            threshold: limits.threshold,
            duration_seconds: seconds(limits.duration),
            cooldown_seconds: seconds(limits.cooldown),
            active: true,
            ..Self::default()
        })
    }

    /// Its limits.
    pub fn limits(&self) -> Limits {
        let span = |seconds: i32| Duration::from_secs(u64::from(seconds.max(0).unsigned_abs()));
        Limits {
            threshold: self.threshold,
            duration: span(self.duration_seconds),
            cooldown: span(self.cooldown_seconds),
        }
    }
}
