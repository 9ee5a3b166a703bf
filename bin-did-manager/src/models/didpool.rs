//! A didpool: a named set of numbers.

use bin_common_handler::{
    Resource,
    models::{
        patch::Patch,
        text::{NAME_MAX, TEXT_MAX},
        time::Timestamp,
    },
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use uuid::Uuid;

/// Announced when a pool had no number to give.
pub const EXHAUSTED: &str = "pool_exhausted";

/// A named set of numbers; a number may be in many.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(
    name = "didpool",
    table = "did_didpools",
    body {
        /// The numbers in it, at most 10,000: at a change all that it has from then on.
        did_ids: Patch<DidIdList>
    }
)]
pub struct Didpool {
    /// Its identifier.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// Its name.
    #[resource(set, filter, not_blank, max_chars = NAME_MAX)]
    pub name: String,
    /// More for people.
    #[resource(set, max_bytes = TEXT_MAX)]
    pub detail: String,
    /// When it was made.
    pub tm_create: Timestamp,
    /// Its version.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

/// Ids of numbers.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(inline)]
pub struct DidIdList(pub Vec<Uuid>);

impl<'de> Deserialize<'de> for DidIdList {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(reader)?;
        // Told as a whole: which of many is wrong is not said.
        serde_json::from_value(value)
            .map(Self)
            .map_err(|_| D::Error::custom("must be a list of ids"))
    }
}
