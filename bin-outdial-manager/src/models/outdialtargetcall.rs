//! A target call: one attempt to reach a target.

use bin_common_handler::{
    databasehandler::{JsonColumn, Value},
    entity,
    models::{
        address::Address,
        page::{Filter, FilterKind},
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::outdialtarget::TargetStatus;

/// A state that its column holds as text.
pub(crate) trait TextEnum: Copy + PartialEq + 'static {
    /// Each state and its text.
    const ALL: &'static [(Self, &'static str)];

    /// Its text.
    fn as_text(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("", |(_, text)| text)
    }

    /// The state of a text.
    fn from_text(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == text)
            .map(|(state, _)| *state)
    }
}

/// A text in the database that no state has.
#[derive(Debug, thiserror::Error)]
#[error("unknown state {0:?} in the database")]
pub struct UnknownState(String);

macro_rules! text_column {
    ($($type:ty),+) => {$(
        impl TryFrom<String> for $type {
            type Error = UnknownState;

            fn try_from(text: String) -> Result<Self, UnknownState> {
                Self::from_text(&text).ok_or(UnknownState(text))
            }
        }

        impl From<$type> for Value {
            fn from(state: $type) -> Self {
                state.as_text().into()
            }
        }
    )+};
}

text_column!(CallStatus, ReferenceType, TargetStatus);

/// Whether the attempt goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// Its target is progressing.
    Progressing,
    /// Its target is not, any more.
    Done,
}

impl TextEnum for CallStatus {
    const ALL: &'static [(Self, &'static str)] =
        &[(Self::Progressing, "progressing"), (Self::Done, "done")];
}

/// What the attempt refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceType {
    /// Nothing that we were told of.
    None,
    /// A call.
    Call,
}

impl TextEnum for ReferenceType {
    const ALL: &'static [(Self, &'static str)] = &[(Self::None, "none"), (Self::Call, "call")];
}

/// One attempt to reach a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
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
    #[sqlx(try_from = "String")]
    pub reference_type: ReferenceType,
    /// E.g. the call; nil when we were not told.
    pub reference_id: Uuid,
    /// Whether it goes on.
    #[sqlx(try_from = "String")]
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

entity!(
    OutdialTargetCall,
    "outdial_outdialtargetcalls",
    [
        id,
        customer_id,
        campaign_id,
        outdial_id,
        outdial_target_id,
        activeflow_id,
        reference_type,
        reference_id,
        status,
        destination,
        destination_index,
        try_count,
        tm_create,
        tm_update,
        tm_delete
    ]
);

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("campaign_id", FilterKind::Uuid),
    ("outdial_target_id", FilterKind::Uuid),
    ("status", FilterKind::OneOf(&["progressing", "done"])),
    ("deleted", FilterKind::Deleted),
];
