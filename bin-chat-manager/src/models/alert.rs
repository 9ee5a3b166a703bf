//! An alert: a figure that was too high, until somebody cared or it was over.

use bin_common_handler::{
    Resource,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

use crate::figures::alarm::Metric;

text_enum!(
    /// Where an alert stands.
    pub enum AlertStatus {
        /// Nobody has looked.
        Triggered = "triggered",
        /// Somebody looks after it.
        Acknowledged = "acknowledged",
        /// It is over.
        Resolved = "resolved",
        /// Somebody looks later.
        Snoozed = "snoozed",
    }
);

impl AlertStatus {
    /// Whether `next` may follow.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Triggered => next != Self::Triggered,
            Self::Acknowledged => matches!(next, Self::Resolved | Self::Snoozed),
            Self::Snoozed => next != Self::Snoozed,
            Self::Resolved | Self::Other(_) => false,
        }
    }

    /// All that may follow, for a refusal.
    pub fn following(self) -> Vec<Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|next| self.may_become(*next)).collect()
    }
}

/// A figure that was too high.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "alert", table = "chat_alerts")]
pub struct Alert {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to; nil for the installation.
    pub customer_id: Uuid,
    /// The rule; nil for one that ships.
    #[resource(filter)]
    pub alert_rule_id: Uuid,
    /// The figure.
    #[resource(filter)]
    pub metric: Metric,
    /// What it is about, such as a conversation; nil for all of the tenant's.
    #[resource(filter)]
    pub entity_id: Uuid,
    /// The conversation that it is about; nil for none.
    #[resource(filter)]
    pub conversation_id: Uuid,
    /// The message that it is about; null for none.
    pub message_id: Option<Uuid>,
    /// Why: a stable word, or the provider's code; empty for a figure.
    pub reason: String,
    /// Where it stands.
    #[resource(filter)]
    pub status: AlertStatus,
    /// The figure when it began.
    pub value: f64,
    /// What it exceeded.
    pub threshold: f64,
    /// By which ways it is told.
    #[schemars(with = "Vec<String>")]
    pub channels: Json<Vec<String>>,
    /// Whether it was told again as nobody had looked.
    pub escalated: bool,
    /// Until when nobody is bothered; null for not at all.
    pub tm_snooze: Option<Timestamp>,
    /// When somebody cared; null until then.
    pub tm_acknowledge: Option<Timestamp>,
    /// When it was over; null until then.
    pub tm_resolve: Option<Timestamp>,
    /// When it began.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Always null.
    pub tm_delete: Option<Timestamp>,
}

impl Alert {
    /// The same with another status, where that may follow.
    ///
    /// # Errors
    /// 409 `INVALID_ALERT_STATE`.
    pub fn with_status(&self, next: AlertStatus, now: Timestamp) -> Result<Self> {
        if !self.status.may_become(next) {
            let text = format!("The alert is {}.", self.status);
            return Err(
                Error::failed_precondition("INVALID_ALERT_STATE", text).with_detail(
                    json!({ "status": self.status, "allowed": self.status.following() }),
                ),
            );
        }
        let mut after = Self {
            status: next,
            tm_snooze: None,
            ..self.clone()
        };
        match next {
            AlertStatus::Acknowledged => after.tm_acknowledge = Some(now),
            AlertStatus::Resolved => after.tm_resolve = Some(now),
            _ => {}
        }
        Ok(after)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(AlertStatus::Triggered, "acknowledged resolved snoozed")]
    #[case(AlertStatus::Acknowledged, "resolved snoozed")]
    #[case(AlertStatus::Snoozed, "triggered acknowledged resolved")]
    #[case(AlertStatus::Resolved, "")]
    fn what_may_follow_what(#[case] from: AlertStatus, #[case] expected: &str) {
        let next = from.following().into_iter();
        let next: Vec<_> = next.map(AlertStatus::as_str).collect();
        assert_eq!(next.join(" "), expected);
    }
}
