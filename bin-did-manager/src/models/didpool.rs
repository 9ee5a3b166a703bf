//! A didpool: a named set of numbers.

use bin_common_handler::{
    models::{
        error::Result,
        page::{Filter, FilterKind},
        text::{check_name, check_text},
        time::Timestamp,
    },
    resource,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::check::ensure;

/// Announced when a pool had no number to give.
pub const EXHAUSTED: &str = "pool_exhausted";

/// A named set of numbers; a number may be in many.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Didpool {
    /// Its identifier.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// Its name.
    pub name: String,
    /// More for people.
    pub detail: String,
    /// When it was made.
    pub tm_create: Timestamp,
    /// Its version.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

resource!(
    Didpool, "didpool", "did_didpools",
    [id, customer_id, name, detail, tm_create, tm_update, tm_delete],
    fields: [name, detail],
    filters: FILTERS,
    check: check,
);

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("name", FilterKind::Text),
    ("deleted", FilterKind::Deleted),
];

fn check(pool: &mut Didpool, _: Option<&Didpool>, _: Timestamp) -> Result<()> {
    ensure(!pool.name.trim().is_empty(), "name", "must not be empty")?;
    check_name("name", &pool.name)?;
    check_text("detail", &pool.detail)
}
