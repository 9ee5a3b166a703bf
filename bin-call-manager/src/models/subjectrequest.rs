//! A person's request about the data of a number.

use bin_common_handler::{
    Entity,
    models::{check::ensure, error::Result, time::Timestamp},
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Announced when a number was erased: others follow.
pub const ERASED: &str = "subject_erased";

/// Announced when a mail address was erased.
pub const EMAIL_ERASED: &str = "subject_email_erased";
/// Longest mail address, in bytes (RFC 5321, 4.5.3.1.3).
const EMAIL_MAX: usize = 254;

text_enum!(
    /// What is asked.
    pub enum SubjectKind {
        /// Everything that is known (GDPR, article 15).
        Access = "access",
        /// To be forgotten (GDPR, article 17).
        Erasure = "erasure",
    }
);

/// That somebody asked; the number is not in it.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_subject_requests")]
pub struct SubjectRequest {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// What was asked.
    pub kind: SubjectKind,
    /// What stands for an erased number: a keyed hash, under a key of the tenant.
    pub pseudonym: String,
    /// When.
    pub tm_create: Timestamp,
    /// The same: it does not change.
    pub tm_update: Timestamp,
}

/// A mail address as it is asked for: in lower case, as visitors' addresses are kept.
///
/// # Errors
/// 400 naming `email`.
pub fn email(text: &str) -> Result<String> {
    let text = text.trim();
    let is_plain = text.len() <= EMAIL_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_address = text
        .rsplit_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'));
    ensure(
        is_plain && is_address,
        "email",
        "must be an address such as ann@example.com",
    )?;
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(" Ann@Example.com ", Some("ann@example.com"))]
    #[case("ann", None)]
    #[case("@example.com", None)]
    #[case("ann@example", None)]
    #[case("ann smith@example.com", None)]
    #[case("änn@example.com", None)]
    fn an_address_has_one_form(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(email(text).ok().as_deref(), expected);
    }
}
