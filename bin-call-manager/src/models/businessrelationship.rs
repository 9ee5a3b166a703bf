//! What a person did that makes a business relationship.

use std::time::Duration;

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, wrong},
        error::Result,
        page::FilterKind,
        time::Timestamp,
    },
    phone,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::compliance::RelationshipKind;

/// How far ahead it may be noted, e.g. from a contract: ten years.
const AHEAD_MAX: Duration = Duration::from_secs(10 * 366 * 86_400);

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
    let tm = *row.tm.get_or_insert(now);
    // What is further away is a slip of a program, e.g. a time that was never set.
    ensure(
        tm.micros() >= 0 && tm <= now.plus(AHEAD_MAX),
        "tm",
        "must be from 1970 to ten years from now",
    )
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::now(None, true)]
    #[case::first(Some("1970-01-01T00:00:00Z"), true)]
    #[case::ahead(Some("2036-11-30T00:00:00Z"), true)]
    #[case::never_set(Some("0001-01-01T00:00:00Z"), false)]
    #[case::before(Some("1969-12-31T23:59:59Z"), false)]
    #[case::too_far(Some("2037-01-01T00:00:00Z"), false)]
    #[case::for_ever(Some("9999-12-31T23:59:59Z"), false)]
    fn its_time_is_one_of_ours(#[case] tm: Option<&str>, #[case] is_right: bool) {
        let now = "2026-12-01T00:00:00Z".parse().unwrap();
        let mut row = BusinessRelationship {
            phone: "+14045550123".to_owned(),
            tm: tm.map(|tm| tm.parse().unwrap()),
            ..BusinessRelationship::default()
        };
        let checked = check(&mut row, None, now);
        let told = checked.map_or_else(|error| error.message().to_owned(), |()| String::new());
        assert_eq!(told.is_empty(), is_right, "{told}");
        assert!(is_right || told.starts_with("tm must"), "{told}");
    }
}
