//! A delivery: one event on its way to one webhook endpoint.

use bin_common_handler::{Resource, models::time::Timestamp, text_enum};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// Attempts that are remembered, the newest.
const ATTEMPTS_MAX: usize = 20;

text_enum!(
    /// Where a delivery stands.
    pub enum DeliveryStatus {
        /// It is tried, or tried again.
        Pending = "pending",
        /// The endpoint has it.
        Delivered = "delivered",
        /// It is not tried again by itself.
        Failed = "failed",
    }
);

/// One try.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Attempt {
    /// When it began.
    pub tm_start: Timestamp,
    /// The answer's HTTP status; 0 without an answer.
    pub status_code: u16,
    /// How long it took, in milliseconds.
    pub latency_ms: i64,
    /// Why there was no answer, such as `late` or `unreachable`; empty with one.
    pub error: String,
}

/// One event on its way to one webhook endpoint.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "delivery", table = "chat_deliveries")]
pub struct Delivery {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// Where it goes.
    #[resource(filter)]
    pub webhook_endpoint_id: Uuid,
    /// The header `webhook-id`: the same with every try and every replay.
    #[resource(filter)]
    pub webhook_id: String,
    /// What happened, e.g. `call_missed`.
    #[resource(filter)]
    pub event_type: String,
    /// The body.
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    pub payload: String,
    /// Where it stands.
    #[resource(filter)]
    pub status: DeliveryStatus,
    /// Tries since it began, or was replayed.
    pub tries: i32,
    /// The newest 20 tries, the oldest first.
    #[schemars(with = "Vec<Attempt>")]
    pub attempts: Json<Vec<Attempt>>,
    /// Why it failed; empty while it has not.
    pub error_code: String,
    /// When it is tried next; null for never.
    pub tm_next: Option<Timestamp>,
    /// When the endpoint took it; null until then.
    pub tm_delivered: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Always null.
    pub tm_delete: Option<Timestamp>,
}

impl Delivery {
    /// Notes a try.
    pub fn note(&mut self, attempt: Attempt) {
        let attempts = &mut self.attempts.0;
        attempts.push(attempt);
        let surplus = attempts.len().saturating_sub(ATTEMPTS_MAX);
        attempts.drain(..surplus);
    }
}
