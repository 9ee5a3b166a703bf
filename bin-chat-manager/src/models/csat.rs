//! What a visitor thought of a conversation.

use bin_common_handler::{Entity, models::time::Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Announced when it was told.
pub const CREATED: &str = "csat_created";

/// What a visitor thought of a conversation; told once.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "chat_csats")]
pub struct Csat {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The conversation.
    pub conversation_id: Uuid,
    /// 1 (bad) to 5 (good).
    pub score: i32,
    /// Words beside it; may be empty.
    pub comment: String,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}
