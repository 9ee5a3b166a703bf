//! An access key: what a dialer shows at the bridge. The key itself is shown once and never stored.

use bin_common_handler::{
    models::{
        error::Result,
        identity::optional_uuid,
        page::{Filter, FilterKind},
        text::check_name,
        time::Timestamp,
    },
    resource,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::check::{ensure, in_range, maybe_in_range};
use crate::phone::NumberFormat;

/// What a key may be allowed to do. A key that may write may read.
pub const SCOPES: &[&str] = &[
    "did:next",
    "did:report",
    "did:read",
    "did:write",
    "key:read",
    "key:write",
    "audit:read",
    "outdial:read",
    "outdial:write",
    "exchange:read",
    "exchange:write",
];
/// What a key that is bound to an account of the exchange may be allowed to do, and no other key.
pub const BOUND_SCOPES: &[&str] = &["exchange:buy", "exchange:sell"];
/// What a key may do when nobody says: what a dialer needs.
const SCOPES_DEFAULT: [&str; 2] = ["did:next", "did:report"];
const RATE_MAX: i32 = 1_000_000;

/// A key's row; its secret is elsewhere, as a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Accesskey {
    /// Its identifier.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// A name for people, e.g. of the dialer that has it.
    pub name: String,
    /// Its first 12 characters, to tell keys apart.
    pub prefix: String,
    /// The account of the exchange that it is bound to, fixed at creation; null = none.
    #[serde(default, deserialize_with = "optional_uuid")]
    pub account_id: Option<Uuid>,
    /// What it may do; see [`SCOPES`].
    #[schemars(with = "Vec<String>")]
    pub scopes: Json<Vec<String>>,
    /// How answers write numbers; null = as the customer has it.
    pub number_format: Option<String>,
    /// Requests a second; null = the installation's limit.
    pub rate_per_second: Option<i32>,
    /// Requests at once; null = the installation's limit.
    pub rate_burst: Option<i32>,
    /// When it stops working; null = never.
    pub tm_expire: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub tm_used: Option<Timestamp>,
    /// When it was made.
    pub tm_create: Timestamp,
    /// Its version.
    pub tm_update: Timestamp,
    /// When it was revoked.
    pub tm_delete: Option<Timestamp>,
}

resource!(
    Accesskey, "accesskey", "did_accesskeys",
    [
        id, customer_id, name, prefix, account_id, scopes, number_format, rate_per_second, rate_burst, tm_expire,
        tm_used, tm_create, tm_update, tm_delete,
    ],
    fields: [name, account_id, scopes, number_format, rate_per_second, rate_burst, tm_expire],
    filters: FILTERS,
    check: check,
);

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("name", FilterKind::Text),
    ("prefix", FilterKind::Text),
    ("deleted", FilterKind::Deleted),
];

impl Default for Accesskey {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            name: String::new(),
            prefix: String::new(),
            account_id: None,
            scopes: Json(SCOPES_DEFAULT.map(str::to_owned).to_vec()),
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
        let is_bound = BOUND_SCOPES.contains(&scope);
        holds(scope)
            || scope.strip_suffix(":read").is_some_and(may_write)
            || (is_bound && holds("exchange:write"))
    }
}

fn check(key: &mut Accesskey, before: Option<&Accesskey>, _: Timestamp) -> Result<()> {
    check_name("name", &key.name)?;
    key.scopes.0.sort();
    key.scopes.0.dedup();
    in_range("the number of scopes", key.scopes.0.len(), 1, SCOPES.len())?;
    if let Some(before) = before {
        let is_same = key.account_id == before.account_id;
        ensure(is_same, "account_id", "cannot be changed")?;
    }
    let known = if key.account_id.is_some() {
        BOUND_SCOPES
    } else {
        SCOPES
    };
    let is_known = |scope: &String| known.contains(&scope.as_str());
    ensure(
        key.scopes.0.iter().all(is_known),
        "scopes",
        &format!("must be among {}", known.join(", ")),
    )?;
    let format = key.number_format.as_deref();
    ensure(
        format.is_none_or(|text| NumberFormat::parse(text).is_some()),
        "number_format",
        "must be e164, 11 or 10",
    )?;
    maybe_in_range("rate_per_second", key.rate_per_second, 0, RATE_MAX)?;
    maybe_in_range("rate_burst", key.rate_burst, 1, RATE_MAX)
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
