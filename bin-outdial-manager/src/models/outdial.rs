//! An outdial: a list of targets that one campaign dials.

use bin_common_handler::{
    Resource,
    models::{
        identity::uuid_or_nil,
        patch::Patch,
        text::{NAME_MAX, TEXT_MAX, null_is_default},
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A list of targets that one campaign dials.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "outdial", table = "outdial_outdials")]
pub struct Outdial {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// The campaign that dials it; nil for none.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub campaign_id: Uuid,
    /// A name for people, at most 255 characters.
    #[resource(set, filter, max_chars = NAME_MAX)]
    pub name: String,
    /// More for people, at most 65,535 bytes.
    #[resource(set, filter, max_bytes = TEXT_MAX)]
    pub detail: String,
    /// The caller's own data, at most 65,535 bytes.
    #[resource(set, filter, max_bytes = TEXT_MAX)]
    pub data: String,
    /// When it was made.
    pub tm_create: Timestamp,
    /// When it was changed last; null until then. Its version is this, or tm_create.
    pub tm_update: Option<Timestamp>,
    /// When it was deleted; null while it lives.
    pub tm_delete: Option<Timestamp>,
}

/// Body of `PUT /v1/outdials/<outdial-id>`. Null is as if the field were missing.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
pub struct OutdialChange {
    /// At most 255 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// At most 65,535 bytes.
    #[serde(default)]
    pub detail: Option<String>,
}

impl From<OutdialChange> for OutdialPatch {
    fn from(body: OutdialChange) -> Self {
        Self {
            name: body.name.into(),
            detail: body.detail.into(),
            ..Self::default()
        }
    }
}

/// Body of `PUT /v1/outdials/<outdial-id>/campaign_id`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct CampaignChange {
    /// The campaign that dials it from now on; null for none.
    #[serde(default, deserialize_with = "uuid_or_nil")]
    pub campaign_id: Uuid,
}

impl From<CampaignChange> for OutdialPatch {
    fn from(body: CampaignChange) -> Self {
        Self {
            campaign_id: Patch::Value(body.campaign_id),
            ..Self::default()
        }
    }
}

/// Body of `PUT /v1/outdials/<outdial-id>/data`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct DataChange {
    /// The caller's own data.
    #[serde(default, deserialize_with = "null_is_default")]
    pub data: String,
}

impl From<DataChange> for OutdialPatch {
    fn from(body: DataChange) -> Self {
        Self {
            data: Patch::Value(body.data),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use bin_common_handler::resource::patched;

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
        assert!(serde_json::from_str::<OutdialPatch>(r#"{"name":{}}"#).is_err());
        let body = r#"{"name":null,"campaign_id":null,"more":1}"#;
        let body: OutdialPatch = serde_json::from_str(body).unwrap();
        let made = patched(&Outdial::default(), &body);
        assert_eq!((made.name.as_str(), made.campaign_id), ("", Uuid::nil()));
    }

    #[test]
    fn each_route_changes_its_own_fields() {
        let old = Outdial {
            name: "n".into(),
            detail: "d".into(),
            data: "x".into(),
            campaign_id: Uuid::from_u128(1),
            ..Outdial::default()
        };
        let change = OutdialChange {
            name: None,
            detail: Some("new".into()),
        };
        let expected = Outdial {
            detail: "new".into(),
            ..old.clone()
        };
        assert_eq!(patched(&old, &change.into()), expected);
        let nobody = CampaignChange {
            campaign_id: Uuid::nil(),
        };
        assert_eq!(patched(&old, &nobody.into()).campaign_id, Uuid::nil());
        let data = DataChange {
            data: String::new(),
        };
        let cleared = patched(&old, &data.into());
        assert_eq!((cleared.data.as_str(), cleared.name.as_str()), ("", "n"));
    }
}
