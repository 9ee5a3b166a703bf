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
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// Its name, at most 255 characters; not blank.
    #[resource(set, filter, not_blank, max_chars = NAME_MAX)]
    pub name: String,
    /// Free text for people, at most 65,535 bytes.
    #[resource(set, max_bytes = TEXT_MAX)]
    pub detail: String,
    /// Creation time, by the store's clock.
    pub tm_create: Timestamp,
    /// Time of the last change; also the version, so it only grows.
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
