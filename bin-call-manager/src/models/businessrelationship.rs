//! What a person did that makes a business relationship.

use bin_common_handler::{
    Resource,
    models::{check::wrong, error::Result, page::FilterKind, time::Timestamp},
    phone,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::compliance::RelationshipKind;

/// A purchase or an inquiry.
#[derive(
    Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "businessrelationship", table = "exchange_business_relationships", check = check)]
pub struct BusinessRelationship {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// E.164 of the person.
    #[resource(set, filter = FilterKind::Phone)]
    pub phone: String,
    /// What the person did.
    #[resource(set)]
    pub kind: RelationshipKind,
    /// When; null = now.
    #[resource(set)]
    pub tm: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

fn check(
    row: &mut BusinessRelationship,
    _: Option<&BusinessRelationship>,
    now: Timestamp,
) -> Result<()> {
    row.phone = number("phone", &row.phone)?;
    row.tm.get_or_insert(now);
    Ok(())
}

/// A phone number in its one form.
///
/// # Errors
/// 400 naming the field.
pub(crate) fn number(field: &str, text: &str) -> Result<String> {
    phone::parse(text)
        .map(|number| number.as_str().to_owned())
        .map_err(|_| wrong(field, "must be a phone number such as +14155550123"))
}
