//! Who changed what: written with each change, never changed itself.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sqlx::types::Json as Column;
use uuid::Uuid;

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Entity)]
#[entity(table = "did_audit_logs")]
pub struct AuditLog {
    /// Its identifier.
    pub id: Uuid,
    /// The tenant whose thing was changed.
    pub customer_id: Uuid,
    /// Who: the access key; nil for the operator, a trusted service, or a job of our own.
    pub accesskey_id: Uuid,
    /// The request, as logs have it.
    pub request_id: String,
    /// created, updated, deleted, imported …
    pub action: String,
    /// What kind of thing, e.g. `did`.
    pub resource: String,
    /// Which one; nil when there were many.
    pub resource_id: Uuid,
    /// The fields as they were: of an update only those that changed.
    #[serde(rename = "before")]
    #[schemars(with = "Json")]
    pub value_before: Column<Json>,
    /// The fields as they became.
    #[serde(rename = "after")]
    #[schemars(with = "Json")]
    pub value_after: Column<Json>,
    /// When.
    pub tm_create: Timestamp,
    /// The same: entries do not change.
    pub tm_update: Timestamp,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("customer_id", FilterKind::Uuid),
    ("accesskey_id", FilterKind::Uuid),
    ("action", FilterKind::Text),
    ("resource", FilterKind::Text),
    ("resource_id", FilterKind::Uuid),
];
