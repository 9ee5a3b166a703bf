//! A webhook endpoint: where a customer's own server hears of events (Standard Webhooks 1.0).

use bin_common_handler::{
    Resource,
    models::{check::ensure, error::Result, text::NAME_MAX, time::Timestamp},
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::eventtype;

/// Longest address, in bytes.
const URL_MAX: usize = 2_048;
/// Types of events that one endpoint names.
const EVENTS_MAX: usize = 100;

/// An address that events are sent to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "webhookendpoint", table = "chat_webhook_endpoints", check = check)]
pub struct WebhookEndpoint {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// Where events are sent: https, and a public address unless the installation allows others.
    #[resource(set, not_blank, max_bytes = URL_MAX)]
    pub url: String,
    /// The types of events that it hears of, such as `call_missed`; empty = all. At most 100.
    #[schemars(with = "Vec<String>")]
    #[resource(set)]
    pub events: Json<Vec<String>>,
    /// What it is for, at most 255 characters.
    #[resource(set, max_chars = NAME_MAX)]
    pub description: String,
    /// Whether events are sent; set again by hand after the daemon turned it off.
    #[resource(set)]
    pub enabled: bool,
    /// Why the daemon turned it off: `failing` or `gone`; empty otherwise.
    pub disabled_reason: String,
    /// Signs what is sent; sealed.
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    pub secret: String,
    /// The one before, which signs as well for a while; sealed, empty for none.
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    pub previous_secret: String,
    /// Until when the secret before signs as well; null for no longer.
    pub tm_previous_end: Option<Timestamp>,
    /// Since when nothing has arrived; null while things do.
    pub tm_failing_since: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Default for WebhookEndpoint {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            url: String::new(),
            events: Json::default(),
            description: String::new(),
            enabled: true,
            disabled_reason: String::new(),
            secret: String::new(),
            previous_secret: String::new(),
            tm_previous_end: None,
            tm_failing_since: None,
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

impl WebhookEndpoint {
    /// Whether it hears of this type of event.
    pub fn hears(&self, event_type: &str) -> bool {
        let events = &self.events.0;
        events.is_empty() || events.iter().any(|named| named == event_type)
    }

    /// Whether events are sent to it.
    pub const fn is_served(&self) -> bool {
        self.enabled && self.tm_delete.is_none()
    }

    /// Where its secrets belong: a sealed text that is copied into another row does not open.
    pub fn secret_place(&self) -> String {
        format!(
            "{}/chat_webhook_endpoints/secret/{}",
            self.customer_id, self.id
        )
    }
}

fn check(
    endpoint: &mut WebhookEndpoint,
    before: Option<&WebhookEndpoint>,
    _: Timestamp,
) -> Result<()> {
    let events = &endpoint.events.0;
    ensure(
        events.len() <= EVENTS_MAX,
        "events",
        "has at most 100 entries",
    )?;
    if before.is_none_or(|before| before.events != endpoint.events) {
        for name in events.iter().filter(|name| *name != eventtype::TEST) {
            eventtype::check("events", name)?;
        }
    }
    // Turned on again by hand: what failed before does not count any more.
    if endpoint.enabled && before.is_some_and(|before| !before.enabled) {
        endpoint.disabled_reason.clear();
        endpoint.tm_failing_since = None;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::all(&[], true)]
    #[case::named(&["call_missed", "lead_created"], true)]
    #[case::other(&["lead_created"], false)]
    fn an_endpoint_hears_of_what_it_names(#[case] events: &[&str], #[case] expected: bool) {
        let endpoint = WebhookEndpoint {
            events: Json(events.iter().map(|name| (*name).to_owned()).collect()),
            ..WebhookEndpoint::default()
        };
        assert_eq!(endpoint.hears("call_missed"), expected);
    }
}
