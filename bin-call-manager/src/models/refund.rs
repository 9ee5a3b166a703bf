//! A refund: money of a captured call that goes back to its buyer.

use bin_common_handler::{Entity, models::time::Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Money that went back.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_refunds")]
pub struct Refund {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The call that was paid for.
    pub call_id: Uuid,
    /// The account that gets it.
    pub buyer_id: Uuid,
    /// The account whose payout is reversed in proportion.
    pub seller_id: Uuid,
    /// What goes back, in minor units.
    pub amount: i64,
    /// What of the payout is reversed, in minor units.
    pub reversed: i64,
    /// ISO 4217 code of both.
    pub currency: String,
    /// Why, for people.
    pub reason: String,
    /// Creation time.
    pub tm_create: Timestamp,
    /// The same: a refund does not change.
    pub tm_update: Timestamp,
}
