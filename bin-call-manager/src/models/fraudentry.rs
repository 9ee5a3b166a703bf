//! An entry of the list of numbers and accounts that are blocked, or never suspected.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, plain, wrong},
        error::Result,
        identity::optional_uuid,
        page::FilterKind,
        text::check_name,
        time::Timestamp,
    },
    phone, text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum!(
    /// What becomes of the calls of who is listed.
    pub enum FraudList {
        /// They are refused.
        Block = "block",
        /// They are never refused as fraud.
        Allow = "allow",
    }
);

/// A number or an account that is blocked, or never suspected.
#[derive(
    Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "fraudentry", table = "exchange_fraud_entries", check = check)]
pub struct FraudEntry {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// E.164 of a person; empty where an account is listed.
    #[resource(set, filter = FilterKind::Phone)]
    pub phone: String,
    /// A seller's account; null where a number is listed.
    #[serde(deserialize_with = "optional_uuid")]
    #[resource(set, filter = FilterKind::Uuid)]
    pub account_id: Option<Uuid>,
    /// What becomes of their calls.
    #[resource(set, filter)]
    pub list: FraudList,
    /// Why, for people.
    #[resource(set)]
    pub reason: String,
    /// When it counts no more; null = never.
    #[resource(set)]
    pub expires: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

fn check(entry: &mut FraudEntry, before: Option<&FraudEntry>, now: Timestamp) -> Result<()> {
    check_name("reason", &entry.reason)?;
    plain("reason", &entry.reason)?;
    // One that is there may be ended by it.
    let counts = before.is_some() || entry.expires.is_none_or(|ends| ends > now);
    ensure(counts, "expires", "must be later than now")?;
    ensure(
        entry.phone.is_empty() == entry.account_id.is_some(),
        "phone",
        "or account_id must be there, and not both",
    )?;
    if !entry.phone.is_empty() {
        let number = phone::parse(&entry.phone)
            .map_err(|_| wrong("phone", "must be a phone number such as +14155550123"))?;
        number.as_str().clone_into(&mut entry.phone);
    }
    Ok(())
}
