//! A time of a resource.

use bin_common_handler::models::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A time that is free, or was when it was offered.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
pub struct Slot {
    /// Whose time.
    pub resource_id: Uuid,
    /// When it begins.
    pub tm_start: Timestamp,
    /// When it ends.
    pub tm_end: Timestamp,
}
