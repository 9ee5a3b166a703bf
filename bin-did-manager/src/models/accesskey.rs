//! An access key: what a dialer shows at the bridge. The key itself is shown once and never stored.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, in_range},
        error::Result,
        patch::Patch,
        role::Role,
        text::NAME_MAX,
        time::Timestamp,
    },
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use sqlx::types::Json;
use uuid::Uuid;

use crate::phone::NumberFormat;

/// Scopes that one key may have; there are fewer.
const SCOPES_MAX: usize = 64;
/// What a key may do when nobody says: what a dialer needs.
const SCOPES_DEFAULT: [&str; 2] = ["did:next", "did:report"];
const RATE_MAX: i32 = 1_000_000;

/// A key's row; its secret is elsewhere, as a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(
    name = "accesskey",
    table = "did_accesskeys",
    check = check,
    body {
        /// When it stops working, as `tm_expire`; only one of both.
        expires: Patch<EndText>,
        /// When it stops working; null = never.
        tm_expire: Patch<EndText>
    }
)]
pub struct Accesskey {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// A name for people, e.g. of the dialer that has it.
    #[resource(set, filter, max_chars = NAME_MAX)]
    pub name: String,
    /// Its first 12 characters, to tell keys apart.
    #[resource(filter)]
    pub prefix: String,
    /// The account of the exchange that it is bound to, fixed at creation; null = none.
    #[resource(set)]
    pub account_id: Option<Uuid>,
    /// What it may do, e.g. `did:next`; a key that may write may read.
    #[schemars(with = "Vec<String>")]
    #[resource(set)]
    pub scopes: Json<Vec<String>>,
    /// What its bearer is: `admin`, `supervisor`, `agent` or `viewer`; null = whatever its scopes allow.
    #[resource(set, check = check_role)]
    pub role: Option<String>,
    /// The user that it stands for; null = nobody in particular.
    #[resource(set)]
    pub user_id: Option<Uuid>,
    /// How answers write numbers; null = as the customer has it.
    #[resource(set, check = check_format)]
    pub number_format: Option<String>,
    /// Requests a second; null = the installation's limit.
    #[resource(set, min = 0, max = RATE_MAX)]
    pub rate_per_second: Option<i32>,
    /// Requests at once; null = the installation's limit.
    #[resource(set, min = 1, max = RATE_MAX)]
    pub rate_burst: Option<i32>,
    /// When it stops working; null = never.
    pub tm_expire: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub tm_used: Option<Timestamp>,
    /// Creation time, by the store's clock.
    pub tm_create: Timestamp,
    /// Time of the last change; also the version, so it only grows.
    pub tm_update: Timestamp,
    /// When it was revoked.
    pub tm_delete: Option<Timestamp>,
}

impl Default for Accesskey {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            name: String::new(),
            prefix: String::new(),
            account_id: None,
            scopes: Json(SCOPES_DEFAULT.map(str::to_owned).to_vec()),
            role: None,
            user_id: None,
            number_format: None,
            rate_per_second: None,
            rate_burst: None,
            tm_expire: None,
            tm_used: None,
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

impl Accesskey {
    /// Whether it has `scope`, or the right to write where that is the right to read.
    pub fn allows(&self, scope: &str) -> bool {
        let holds = |wanted: &str| self.scopes.0.iter().any(|held| held == wanted);
        let may_write = |word: &str| holds(&format!("{word}:write"));
        holds(scope) || scope.strip_suffix(":read").is_some_and(may_write)
    }
}

/// How a caller says when a key ends: a time, a date (its first moment in UTC), or a span from now.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(inline)]
pub struct EndText(pub String);

/// What [`EndText`] may be.
pub const END_FORMS: &str = "must be a time such as 2027-01-31T18:00:00Z, a date (its first moment in UTC), a span \
                             from now such as 90d, or null for never";

impl<'de> Deserialize<'de> for EndText {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(reader)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            _ => Err(D::Error::custom(END_FORMS)),
        }
    }
}

fn check(key: &mut Accesskey, before: Option<&Accesskey>, _: Timestamp) -> Result<()> {
    key.scopes.0.sort();
    key.scopes.0.dedup();
    in_range("the number of scopes", key.scopes.0.len(), 1, SCOPES_MAX)?;
    let is_same = before.is_none_or(|before| key.account_id == before.account_id);
    ensure(is_same, "account_id", "cannot be changed")?;
    // An agent sees what is theirs, so somebody must be meant.
    let is_somebodys = key.role.as_deref() != Some(Role::Agent.as_str()) || key.user_id.is_some();
    ensure(is_somebodys, "user_id", "must name the agent's user")
}

fn check_role(field: &str, role: &Option<String>) -> Result<()> {
    ensure(
        role.as_deref()
            .is_none_or(|text| Role::parse(text).is_some()),
        field,
        "must be admin, supervisor, agent or viewer",
    )
}

fn check_format(field: &str, format: &Option<String>) -> Result<()> {
    let format = format.as_deref();
    ensure(
        format.is_none_or(|text| NumberFormat::parse(text).is_some()),
        field,
        "must be e164, 11 or 10",
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["did:next"], "did:next", true)]
    #[case(&["did:next"], "did:report", false)]
    #[case(&["did:write"], "did:read", true)]
    #[case(&["did:write"], "did:next", false)]
    #[case(&["did:read"], "did:write", false)]
    #[case(&["key:write"], "did:read", false)]
    #[case(&[], "did:read", false)]
    fn who_may_write_may_read(#[case] held: &[&str], #[case] scope: &str, #[case] allowed: bool) {
        let key = Accesskey {
            scopes: Json(held.iter().map(|&scope| scope.to_owned()).collect()),
            ..Accesskey::default()
        };
        assert_eq!(key.allows(scope), allowed);
    }
}
