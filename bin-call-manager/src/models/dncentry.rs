//! A number that is not to be called, on one list.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Announced when a number was added, or a list imported.
pub const ADDED: &str = "dnc_added";
/// Announced when a number was taken off.
pub const REMOVED: &str = "dnc_removed";

text_enum!(
    /// Whose list it is.
    pub enum DncKind {
        /// The customer's own: the person said so.
        Internal = "internal",
        /// The national list.
        Federal = "federal",
        /// A state's.
        State = "state",
        /// People who sue.
        Litigation = "litigation",
        /// Any other of the customer's making.
        Custom = "custom",
    }
);

/// A number on a list.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_dnc_entries")]
pub struct DncEntry {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// E.164 of the person.
    pub phone: String,
    /// Whose list.
    pub list: DncKind,
    /// Which state's; empty for other lists.
    pub state: String,
    /// Why, for people.
    pub reason: String,
    /// When it ends; null = never.
    pub expires: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// When it was taken off; null while it stands.
    pub tm_delete: Option<Timestamp>,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("phone", FilterKind::Phone),
    ("list", FilterKind::OneOf(DncKind::WORDS)),
    ("state", FilterKind::Text),
    ("deleted", FilterKind::Deleted),
];
