//! A target call: one attempt to reach a target.

use bin_common_handler::{
    Entity,
    databasehandler::JsonColumn,
    models::{
        address::Address,
        page::{Filter, FilterKind},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum!(
    /// Whether the attempt goes on.
    pub enum CallStatus {
        /// Its target is progressing.
        Progressing = "progressing",
        /// Its target is not, any more.
        Done = "done",
    }
);

text_enum!(
    /// What the attempt refers to.
    pub enum ReferenceType {
        /// Nothing that we were told of.
        None = "none",
        /// A call.
        RequestContext = "call",
    }
);

/// One attempt to reach a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, Entity)]
#[entity(table = "outdial_outdialtargetcalls")]
pub struct OutdialTargetCall {
    /// Its identifier.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// The campaign that dialled.
    pub campaign_id: Uuid,
    /// The outdial of its target.
    pub outdial_id: Uuid,
    /// Its target.
    pub outdial_target_id: Uuid,
    /// The flow that runs on it; nil when we were not told.
    pub activeflow_id: Uuid,
    /// What reference_id means.
    pub reference_type: ReferenceType,
    /// E.g. the call; nil when we were not told.
    pub reference_id: Uuid,
    /// Whether it goes on.
    pub status: CallStatus,
    /// Where the target was called.
    pub destination: JsonColumn<Address>,
    /// Which of its destinations that is, 0 … 4.
    pub destination_index: i32,
    /// The how manieth attempt at that destination it is.
    pub try_count: i32,
    /// When it began.
    pub tm_create: Timestamp,
    /// When it was changed last.
    pub tm_update: Timestamp,
    /// Null.
    pub tm_delete: Option<Timestamp>,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("campaign_id", FilterKind::Uuid),
    ("outdial_target_id", FilterKind::Uuid),
    ("status", FilterKind::OneOf(&["progressing", "done"])),
    ("deleted", FilterKind::Deleted),
];
