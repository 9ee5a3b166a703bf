//! A fraud check: how suspicious a call is, by which signs, and what follows.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// Announced when a call is refused, or flagged for a person to look at.
pub const FLAGGED: &str = "fraud_flagged";

text_enum!(
    /// What follows of a check.
    pub enum FraudAction {
        /// Nothing.
        Allow = "allow",
        /// The call goes on, and a person should look at it.
        Review = "review",
        /// The call is refused.
        Block = "block",
    }
);

/// One sign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Part {
    /// What was looked at, e.g. `calls_per_caller_hour`.
    pub name: String,
    /// What was seen; null = it does not apply.
    pub value: Option<f64>,
    /// Where it becomes suspicious.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// How suspicious that is, 0 to 1.
    pub score: f64,
    /// Whether it could not be asked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub away: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// How suspicious a call is.
#[derive(
    Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_fraud_checks")]
pub struct FraudCheck {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The campaign of the call.
    pub call_campaign_id: Uuid,
    /// The seller's account.
    pub account_id: Uuid,
    /// The call; null where it was refused.
    pub call_id: Option<Uuid>,
    /// The person's number.
    pub phone: String,
    /// The highest of its parts, 0 to 1.
    pub score: f64,
    /// What followed.
    pub action: FraudAction,
    /// The suspicious ones of its parts.
    #[schemars(with = "Vec<String>")]
    pub flags: Json<Vec<String>>,
    /// All that was looked at.
    #[schemars(with = "Vec<Part>")]
    pub parts: Json<Vec<Part>>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("call_campaign_id", FilterKind::Uuid),
    ("account_id", FilterKind::Uuid),
    ("call_id", FilterKind::Uuid),
    ("phone", FilterKind::Phone),
    ("action", FilterKind::OneOf(FraudAction::WORDS)),
];
