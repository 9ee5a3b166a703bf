//! An outdial: a list of targets that one campaign dials.

use bin_common_handler::{
    entity,
    models::{
        error::Result,
        identity::{owner_or_nil, uuid_or_nil},
        page::{Filter, FilterKind},
        text::{check_name, check_text, null_is_default},
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A list of targets that one campaign dials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Outdial {
    /// Its identifier.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// The campaign that dials it; nil for none.
    pub campaign_id: Uuid,
    /// A name for people.
    pub name: String,
    /// More for people.
    pub detail: String,
    /// The caller's own data.
    pub data: String,
    /// When it was made.
    pub tm_create: Timestamp,
    /// When it was changed last; null until then. Its version is this, or tm_create.
    pub tm_update: Option<Timestamp>,
    /// When it was deleted; null while it lives.
    pub tm_delete: Option<Timestamp>,
}

entity!(
    Outdial,
    "outdial_outdials",
    [
        id,
        customer_id,
        campaign_id,
        name,
        detail,
        data,
        tm_create,
        tm_update,
        tm_delete
    ]
);

/// Announced after a create.
pub const CREATED: &str = "outdial_created";
/// Announced after a change.
pub const UPDATED: &str = "outdial_updated";
/// Announced after a delete.
pub const DELETED: &str = "outdial_deleted";

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("campaign_id", FilterKind::Uuid),
    ("name", FilterKind::Text),
    ("detail", FilterKind::Text),
    ("data", FilterKind::Text),
    ("deleted", FilterKind::Deleted),
];

/// Body of `POST /v1/outdials`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct OutdialCreate {
    /// The tenant; a scoped caller leaves it out.
    #[serde(default, deserialize_with = "owner_or_nil")]
    pub customer_id: Uuid,
    /// The campaign that dials it.
    #[serde(default, deserialize_with = "uuid_or_nil")]
    pub campaign_id: Uuid,
    /// At most 255 characters.
    #[serde(default, deserialize_with = "null_is_default")]
    pub name: String,
    /// At most 65,535 bytes.
    #[serde(default, deserialize_with = "null_is_default")]
    pub detail: String,
    /// At most 65,535 bytes.
    #[serde(default, deserialize_with = "null_is_default")]
    pub data: String,
}

impl OutdialCreate {
    /// Checks the lengths.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn check(&self) -> Result<()> {
        check_name("name", &self.name)?;
        check_text("detail", &self.detail)?;
        check_text("data", &self.data)
    }
}

/// A change of an outdial: each PUT route fills what its body has; the rest stays as it is.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
pub struct OutdialChange {
    /// At most 255 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// At most 65,535 bytes.
    #[serde(default)]
    pub detail: Option<String>,
    /// Set by its own route only.
    #[serde(skip)]
    pub campaign_id: Option<Uuid>,
    /// Set by its own route only.
    #[serde(skip)]
    pub data: Option<String>,
}

impl OutdialChange {
    /// Checks the lengths.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn check(&self) -> Result<()> {
        self.name
            .as_deref()
            .map_or(Ok(()), |name| check_name("name", name))?;
        self.detail
            .as_deref()
            .map_or(Ok(()), |detail| check_text("detail", detail))?;
        self.data
            .as_deref()
            .map_or(Ok(()), |data| check_text("data", data))
    }
}

/// Body of `PUT /v1/outdials/<outdial-id>/campaign_id`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct CampaignChange {
    /// The campaign that dials it from now on; null for none.
    #[serde(default, deserialize_with = "uuid_or_nil")]
    pub campaign_id: Uuid,
}

/// Body of `PUT /v1/outdials/<outdial-id>/data`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct DataChange {
    /// The caller's own data.
    #[serde(default, deserialize_with = "null_is_default")]
    pub data: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_wire_form() {
        let outdial = Outdial {
            id: Uuid::from_u128(1),
            customer_id: Uuid::nil(),
            campaign_id: Uuid::nil(),
            name: "n".into(),
            detail: String::new(),
            data: String::new(),
            tm_create: Timestamp::from_micros(1_000_000),
            tm_update: None,
            tm_delete: None,
        };
        assert_eq!(
            serde_json::to_string(&outdial).unwrap(),
            r#"{"id":"00000000-0000-0000-0000-000000000001","customer_id":"00000000-0000-0000-0000-000000000000","campaign_id":"00000000-0000-0000-0000-000000000000","name":"n","detail":"","data":"","tm_create":"1970-01-01T00:00:01Z","tm_update":null,"tm_delete":null}"#
        );
    }

    #[test]
    fn an_object_where_text_belongs_is_refused_and_null_is_empty() {
        assert!(serde_json::from_str::<OutdialCreate>(r#"{"name":{}}"#).is_err());
        assert_eq!(
            serde_json::from_str::<OutdialCreate>(r#"{"name":null,"more":1}"#)
                .unwrap()
                .name,
            ""
        );
    }
}
