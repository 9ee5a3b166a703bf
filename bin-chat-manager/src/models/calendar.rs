//! A calendar: the business's appointments at an address that other programs follow.

use bin_common_handler::{
    Resource,
    models::{identity::uuid_or_nil, text::NAME_MAX, time::Timestamp},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A feed of appointments, RFC 5545.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "calendar", table = "chat_calendars")]
pub struct Calendar {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// What it is called.
    #[resource(set, filter, not_blank, max_chars = NAME_MAX)]
    pub name: String,
    /// Whose appointments it has; nil = everybody's.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub resource_id: Uuid,
    /// The secret part of its address, `/v1/calendars/<id>/feed/<feed_token>`: 43 characters.
    pub feed_token: String,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}
