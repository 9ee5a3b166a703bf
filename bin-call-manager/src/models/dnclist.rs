//! A do-not-call list that was imported: which import is in force, and how old it is.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
    table::{Field, Schema},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::dncentry::DncKind;

/// The columns of a file of numbers; every other is ignored, and named in the report.
pub static COLUMNS: Schema = Schema {
    fields: &[Field::number(
        "phone",
        &[
            "phones",
            "phonenumber",
            "phonenumbers",
            "number",
            "numbers",
            "tel",
            "telephone",
            "telephonenumber",
            "tn",
            "msisdn",
            "fullnumber",
            "e164",
        ],
    )],
};

/// A list that was imported.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_dnc_lists")]
pub struct DncList {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// Whose list.
    pub list: DncKind,
    /// Which state's; empty for other lists.
    pub state: String,
    /// The import that is in force; null before the first.
    pub import_id: Option<Uuid>,
    /// Parts that were added to this import.
    pub blocks: i64,
    /// Rows that were imported.
    #[serde(rename = "rows")]
    pub numbers: i64,
    /// When it was imported, or last added to; null before the first import.
    pub tm_imported: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("list", FilterKind::OneOf(DncKind::WORDS)),
    ("state", FilterKind::Text),
];
