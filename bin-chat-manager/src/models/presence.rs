//! Presence of a user: what all of their devices say together.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::queues::presence::PresenceStatus;

/// Announced when the status changed.
pub const CHANGED: &str = "presence_changed";

/// Whether a user is there.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "chat_presences")]
pub struct Presence {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The user.
    pub user_id: Uuid,
    /// What all of the user's living devices say together.
    pub status: PresenceStatus,
    /// When the user was first seen.
    pub tm_create: Timestamp,
    /// When the status changed last, which is its version.
    pub tm_update: Timestamp,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("user_id", FilterKind::Uuid),
    ("status", FilterKind::OneOf(PresenceStatus::WORDS)),
];
