//! A tag: a short word on an outdial, for a while.

use bin_common_handler::{
    Resource,
    models::{identity::uuid_or_nil, time::Timestamp},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A tag.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "tag", table = "tag_tags")]
pub struct Tag {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// The outdial it is on; nil for none.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub outdial_id: Uuid,
    /// 1 to 255 characters.
    #[resource(set, filter, not_blank, max_chars = 255)]
    pub label: String,
    /// When it is deleted by itself; null for never.
    #[resource(set)]
    pub expires_at: Option<Timestamp>,
    /// Creation time, by the store's clock.
    pub tm_create: Timestamp,
    /// Time of the last change, which is also the version.
    pub tm_update: Timestamp,
    /// When it was deleted; null while it lives.
    pub tm_delete: Option<Timestamp>,
}
