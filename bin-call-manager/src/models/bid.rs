//! A bid: what one buyer offers for one call.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::account::CapCounts;

/// Announced when it was placed.
pub const PLACED: &str = "bid_placed";
/// Announced when it won.
pub const WON: &str = "bid_won";
/// Announced when another won, or its turn came to nothing.
pub const LOST: &str = "bid_lost";
/// Announced when its time was over.
pub const EXPIRED: &str = "bid_expired";

text_enum!(
    /// Where a bid stands.
    pub enum BidStatus {
        /// Made, not in force.
        Pending = "pending",
        /// In force.
        Active = "active",
        /// Has the call.
        Won = "won",
        /// Another has the call, or its turn came to nothing.
        Lost = "lost",
        /// Its time was over.
        Expired = "expired",
        /// Taken back.
        Canceled = "canceled",
    }
);

/// What one buyer offers for one call.
#[derive(
    Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_bids")]
pub struct Bid {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The call.
    pub call_id: Uuid,
    /// The auction; null for a call that is routed.
    pub auction_id: Option<Uuid>,
    /// The campaign of the call.
    pub call_campaign_id: Uuid,
    /// The buyer's account.
    pub buyer_id: Uuid,
    /// The profile that made it; null for a bid by request.
    pub profile_id: Option<Uuid>,
    /// The offer, in minor units.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// What it is worth with its buyer's quality, in minor units; 0 before the decision.
    pub effective_bid: i64,
    /// What is held and paid if it wins, in minor units.
    pub price: i64,
    /// Where the call goes if it wins: E.164 or `sip:`.
    pub destination: String,
    /// Where it stands.
    pub status: BidStatus,
    /// Whether its win counts towards its account's caps already; null for bids that won before this was noted.
    #[schemars(skip)]
    #[serde(skip)]
    pub counted: Option<bool>,
    /// When it is in force no longer; null = with its auction.
    pub expires: Option<Timestamp>,
    /// When it won.
    pub tm_won: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}

impl Bid {
    /// Whether its win counts towards its account's caps already. Where that was not noted, it goes by what the account
    /// counts and how far the call came.
    pub fn is_counted(&self, counts: CapCounts, is_answered: bool) -> bool {
        self.counted.unwrap_or(counts.has(is_answered))
    }
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("call_id", FilterKind::Uuid),
    ("auction_id", FilterKind::Uuid),
    ("buyer_id", FilterKind::Uuid),
    ("status", FilterKind::OneOf(BidStatus::WORDS)),
];
