//! Who a thing belongs to, and how its identifier is read.

use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

use super::error::{Error, Result};

/// The tenant that a request is confined to, or everything for a trusted peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scope(Option<Uuid>);

impl Scope {
    /// No confinement: a trusted peer on the broker, or a job of our own.
    pub const TRUSTED: Self = Self(None);

    /// Confined to one tenant.
    pub const fn tenant(customer_id: Uuid) -> Self {
        Self(Some(customer_id))
    }

    /// From the envelope's optional field.
    pub const fn from_envelope(customer_id: Option<Uuid>) -> Self {
        Self(customer_id)
    }

    /// The tenant, when confined.
    pub const fn customer_id(self) -> Option<Uuid> {
        self.0
    }

    /// Whether an entity of `customer_id` may be seen.
    pub fn allows(self, customer_id: Uuid) -> bool {
        self.0.is_none_or(|scope| scope == customer_id)
    }

    /// The owner of a new entity: the scope's, else the body's.
    ///
    /// # Errors
    /// 403 `CUSTOMER_MISMATCH` when the body names another tenant than the scope.
    pub fn owner(self, in_body: Uuid) -> Result<Uuid> {
        match self.0 {
            Some(scope) if !in_body.is_nil() && in_body != scope => Err(Error::permission_denied(
                "CUSTOMER_MISMATCH",
                "The body's customer_id is not the caller's; leave it out.",
            )),
            Some(scope) => Ok(scope),
            None => Ok(in_body),
        }
    }

    /// As [`Self::owner`], of what would do nothing if it were nobody's.
    ///
    /// # Errors
    /// 403 as there; 400 `CUSTOMER_REQUIRED` when neither scope nor request names a tenant.
    pub fn required_owner(self, named: Option<Uuid>) -> Result<Uuid> {
        let owner = self.owner(named.unwrap_or_default())?;
        if owner.is_nil() {
            return Err(Error::invalid_argument(
                "CUSTOMER_REQUIRED",
                "Name the customer with customer_id.",
            ));
        }
        Ok(owner)
    }
}

/// For `#[serde(default, deserialize_with = "uuid_or_nil")]`: every written form; null or missing is nil.
///
/// # Errors
/// When the text is no UUID.
pub fn uuid_or_nil<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    Ok(optional_uuid(deserializer)?.unwrap_or_default())
}

/// As [`uuid_or_nil`], telling null apart.
///
/// # Errors
/// When the text is no UUID.
pub fn optional_uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    let text = <Option<std::borrow::Cow<'de, str>>>::deserialize(deserializer)?;
    text.map(|text| read_uuid(&text)).transpose()
}

/// As [`uuid_or_nil`], for an owner: some peers write an empty text for nobody.
///
/// # Errors
/// When the text is no UUID.
pub fn owner_or_nil<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    Ok(optional_owner(deserializer)?.unwrap_or_default())
}

/// As [`optional_uuid`], for an owner: an empty text is nobody.
///
/// # Errors
/// When the text is no UUID.
pub fn optional_owner<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Uuid>, D::Error> {
    let text = <Option<std::borrow::Cow<'de, str>>>::deserialize(deserializer)?;
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| read_uuid(&text)).transpose()
}

fn read_uuid<E: de::Error>(text: &str) -> Result<Uuid, E> {
    parse_uuid(text).ok_or_else(|| E::custom("must be a UUID"))
}

/// Reads a UUID with dashes, as 32 hex digits, in braces or as `urn:uuid:`, in any case.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[derive(Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "uuid_or_nil")]
        id: Uuid,
    }

    #[rstest]
    #[case(
        r#"{"id":"5b1a0000-0000-0000-0000-00000000000a"}"#,
        0x5b1a_0000_0000_0000_0000_0000_0000_000a
    )]
    #[case(
        r#"{"id":"5B1A000000000000000000000000000A"}"#,
        0x5b1a_0000_0000_0000_0000_0000_0000_000a
    )]
    #[case(
        r#"{"id":"{5b1a0000-0000-0000-0000-00000000000a}"}"#,
        0x5b1a_0000_0000_0000_0000_0000_0000_000a
    )]
    #[case(
        r#"{"id":"urn:uuid:5b1a0000-0000-0000-0000-00000000000a"}"#,
        0x5b1a_0000_0000_0000_0000_0000_0000_000a
    )]
    #[case(r#"{"id":null}"#, 0)]
    #[case("{}", 0)]
    fn reads_every_form_of_a_uuid(#[case] json: &str, #[case] id: u128) {
        assert_eq!(
            serde_json::from_str::<Body>(json).unwrap().id,
            Uuid::from_u128(id)
        );
    }

    #[rstest]
    #[case(r#"{"id":"nope"}"#)]
    #[case(r#"{"id":""}"#)]
    #[case(r#"{"id":" "}"#)]
    #[case(r#"{"id":7}"#)]
    fn refuses_anything_else(#[case] json: &str) {
        assert!(serde_json::from_str::<Body>(json).is_err());
    }

    #[rstest]
    #[case(r#"{"owner":""}"#, Some(0))]
    #[case(r#"{"owner":null}"#, Some(0))]
    #[case("{}", Some(0))]
    #[case(
        r#"{"owner":"5b1a0000-0000-0000-0000-00000000000a"}"#,
        Some(0x5b1a_0000_0000_0000_0000_0000_0000_000a)
    )]
    #[case(r#"{"owner":" "}"#, None)]
    #[case(r#"{"owner":"me"}"#, None)]
    #[case(r#"{"owner":0}"#, None)]
    fn an_empty_owner_is_nobody(#[case] json: &str, #[case] id: Option<u128>) {
        #[derive(Deserialize)]
        struct Owned {
            #[serde(default, deserialize_with = "owner_or_nil")]
            owner: Uuid,
        }
        let read = serde_json::from_str::<Owned>(json).ok();
        assert_eq!(read.map(|body| body.owner), id.map(Uuid::from_u128));
    }

    #[test]
    fn a_scope_decides_the_owner_and_refuses_another() {
        let (mine, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let scope = Scope::tenant(mine);
        assert_eq!(scope.owner(Uuid::nil()).unwrap(), mine);
        assert_eq!(scope.owner(mine).unwrap(), mine);
        assert_eq!(
            scope.owner(other).unwrap_err().reason(),
            "CUSTOMER_MISMATCH"
        );
        assert_eq!(Scope::TRUSTED.owner(other).unwrap(), other);
        assert!(!scope.allows(other) && Scope::TRUSTED.allows(other));
    }
}
