//! A target: someone to call, at up to five destinations.

use bin_common_handler::{
    Entity,
    databasehandler::JsonColumn,
    models::{
        address::Address,
        error::{Error, Result},
        page::{Filter, FilterKind},
        text::{check_name, check_text, null_is_default},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Destinations of a target.
pub const DESTINATIONS: usize = 5;
/// Rows of one bulk request at most.
pub const BULK_MAX: usize = 1_000;
/// Longest import key, in bytes.
const KEY_MAX: usize = 255;

text_enum!(
    /// Where a target is in its life.
    pub enum TargetStatus {
        /// May be called.
        Idle = "idle",
        /// Is being called.
        Progressing = "progressing",
        /// Needs no more calls.
        Done = "done",
    }
);

/// A destination as its column holds it.
pub type Destination = JsonColumn<Address>;

/// Someone to call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, Entity)]
#[entity(table = "outdial_outdialtargets")]
pub struct OutdialTarget {
    /// Its identifier.
    pub id: Uuid,
    /// The outdial it belongs to.
    pub outdial_id: Uuid,
    /// A name for people.
    pub name: String,
    /// More for people.
    pub detail: String,
    /// The caller's own data.
    pub data: String,
    /// Where it is in its life.
    pub status: TargetStatus,
    /// First destination, null when absent.
    pub destination_0: Destination,
    /// Second destination.
    pub destination_1: Destination,
    /// Third destination.
    pub destination_2: Destination,
    /// Fourth destination.
    pub destination_3: Destination,
    /// Fifth destination.
    pub destination_4: Destination,
    /// Attempts at the first destination.
    pub try_count_0: i32,
    /// Attempts at the second destination.
    pub try_count_1: i32,
    /// Attempts at the third destination.
    pub try_count_2: i32,
    /// Attempts at the fourth destination.
    pub try_count_3: i32,
    /// Attempts at the fifth destination.
    pub try_count_4: i32,
    /// When it was made.
    pub tm_create: Timestamp,
    /// When it was changed last; its version. Equal to tm_create until then.
    pub tm_update: Timestamp,
    /// When it was deleted; null while it lives.
    pub tm_delete: Option<Timestamp>,
}

impl OutdialTarget {
    /// A new target, idle and never tried.
    ///
    /// # Errors
    /// 400 when the body does not fit.
    pub fn new(
        id: Uuid,
        outdial_id: Uuid,
        now: Timestamp,
        body: TargetCreate,
        validates: bool,
    ) -> Result<Self> {
        let TargetCreate {
            name,
            detail,
            data,
            destination_0,
            destination_1,
            destination_2,
            destination_3,
            destination_4,
            key: _,
        } = body.checked(validates)?;
        Ok(Self {
            id,
            outdial_id,
            name,
            detail,
            data,
            status: TargetStatus::Idle,
            destination_0: JsonColumn(destination_0),
            destination_1: JsonColumn(destination_1),
            destination_2: JsonColumn(destination_2),
            destination_3: JsonColumn(destination_3),
            destination_4: JsonColumn(destination_4),
            try_count_0: 0,
            try_count_1: 0,
            try_count_2: 0,
            try_count_3: 0,
            try_count_4: 0,
            tm_create: now,
            tm_update: now,
            tm_delete: None,
        })
    }

    /// Its destinations in their order, each with how often it was tried.
    pub fn destinations(&self) -> [(&Destination, i32); DESTINATIONS] {
        [
            (&self.destination_0, self.try_count_0),
            (&self.destination_1, self.try_count_1),
            (&self.destination_2, self.try_count_2),
            (&self.destination_3, self.try_count_3),
            (&self.destination_4, self.try_count_4),
        ]
    }

    /// The destination at `index` (0 … 4) and how often it was tried; nothing for another index.
    pub fn destination(&mut self, index: usize) -> Option<(&mut Destination, &mut i32)> {
        match index {
            0 => Some((&mut self.destination_0, &mut self.try_count_0)),
            1 => Some((&mut self.destination_1, &mut self.try_count_1)),
            2 => Some((&mut self.destination_2, &mut self.try_count_2)),
            3 => Some((&mut self.destination_3, &mut self.try_count_3)),
            4 => Some((&mut self.destination_4, &mut self.try_count_4)),
            _ => None,
        }
    }
}

/// Announced after a create.
pub const CREATED: &str = "outdialtarget_created";
/// Announced after a change.
pub const UPDATED: &str = "outdialtarget_updated";
/// Announced after a delete.
pub const DELETED: &str = "outdialtarget_deleted";

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("outdial_id", FilterKind::Uuid),
    ("name", FilterKind::Text),
    ("detail", FilterKind::Text),
    ("data", FilterKind::Text),
    (
        "status",
        FilterKind::OneOf(&["idle", "progressing", "done"]),
    ),
    ("deleted", FilterKind::Deleted),
];

/// Body of `POST /v1/outdials/<outdial-id>/targets`, and one row of the bulk route.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
pub struct TargetCreate {
    /// At most 255 characters.
    #[serde(default, deserialize_with = "null_is_default")]
    pub name: String,
    /// At most 65,535 bytes.
    #[serde(default, deserialize_with = "null_is_default")]
    pub detail: String,
    /// At most 65,535 bytes.
    #[serde(default, deserialize_with = "null_is_default")]
    pub data: String,
    /// First destination.
    #[serde(default)]
    pub destination_0: Option<Address>,
    /// Second destination.
    #[serde(default)]
    pub destination_1: Option<Address>,
    /// Third destination.
    #[serde(default)]
    pub destination_2: Option<Address>,
    /// Fourth destination.
    #[serde(default)]
    pub destination_3: Option<Address>,
    /// Fifth destination.
    #[serde(default)]
    pub destination_4: Option<Address>,
    /// A row with a key that its outdial has already is skipped.
    #[serde(default)]
    pub key: Option<String>,
}

impl TargetCreate {
    /// Checks lengths, and destinations when `validates`.
    fn checked(mut self, validates: bool) -> Result<Self> {
        check_name("name", &self.name)?;
        check_text("detail", &self.detail)?;
        check_text("data", &self.data)?;
        if self
            .key
            .as_ref()
            .is_some_and(|key| key.is_empty() || key.len() > KEY_MAX)
        {
            return Err(Error::invalid_argument(
                "INVALID_KEY",
                "key must have 1 to 255 bytes.",
            ));
        }
        let fields = [
            ("destination_0", &mut self.destination_0),
            ("destination_1", &mut self.destination_1),
            ("destination_2", &mut self.destination_2),
            ("destination_3", &mut self.destination_3),
            ("destination_4", &mut self.destination_4),
        ];
        for (field, destination) in fields {
            // `{}` says as little as null.
            let given = destination
                .take()
                .filter(|address| *address != Address::default());
            *destination = match given {
                Some(address) if validates => Some(address.validated(field)?),
                given => given,
            };
        }
        Ok(self)
    }
}

/// Body of `POST /v1/outdialtargets/<outdialtarget-id>/progressing`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
pub struct ProgressingBody {
    /// Which destination is called, 0 … 4; the first when it is not said.
    #[serde(default, deserialize_with = "null_is_default")]
    pub destination_index: usize,
}

/// Body of `PUT /v1/outdialtargets/<outdialtarget-id>/status`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct StatusBody {
    /// The new status.
    pub status: TargetStatus,
}

/// Reply of the bulk route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct BulkReport {
    /// Rows that became targets.
    pub created: usize,
    /// Rows whose key was there already.
    pub skipped: usize,
    /// Columns that a target does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

/// What `available` may hand out. Fields that are missing count as zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct AvailableBody {
    /// The first destination may be called while its count is below this.
    pub try_count_0: Option<u32>,
    /// The second.
    pub try_count_1: Option<u32>,
    /// The third.
    pub try_count_2: Option<u32>,
    /// The fourth.
    pub try_count_3: Option<u32>,
    /// The fifth.
    pub try_count_4: Option<u32>,
    /// Targets at most, 1 … 1000. When it is not said a person gets 100, a service nothing.
    pub limit: Option<u32>,
    /// 0 looks without taking.
    pub lease: Option<u32>,
}
