//! An auction: bids for one call, sealed until it ends.

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

use super::{callcampaign::CallCampaign, prices::Prices};
use crate::choice::terms::{AuctionTerms, Form};

/// Announced when it opened.
pub const STARTED: &str = "auction_started";
/// Announced when it ended.
pub const CLOSED: &str = "auction_closed";

text_enum!(
    /// What the winner of an auction pays.
    pub enum AuctionForm {
        /// Its own bid.
        FirstPrice = "first_price",
        /// What was needed to win.
        SecondPrice = "second_price",
    }
);

text_enum!(
    /// Where an auction stands.
    pub enum AuctionStatus {
        /// Made, not open.
        Pending = "pending",
        /// Takes bids.
        Active = "active",
        /// Somebody won.
        Completed = "completed",
        /// Nobody could win.
        Expired = "expired",
        /// The call ended before.
        Canceled = "canceled",
    }
);

/// Bids for one call.
#[derive(
    Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_auctions")]
pub struct Auction {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The call that is sold.
    pub call_id: Uuid,
    /// The campaign whose terms it has.
    pub call_campaign_id: Uuid,
    /// The seller's account.
    pub seller_id: Uuid,
    /// What the winner pays.
    pub form: AuctionForm,
    /// Least bid, in minor units.
    pub reserve: i64,
    /// Step above the second bid, in minor units.
    pub increment: i64,
    /// The fixed sums under which it was opened; null for auctions that were opened before they were kept.
    #[schemars(skip)]
    #[serde(skip)]
    pub prices: Json<Option<Prices>>,
    /// ISO 4217 code.
    pub currency: String,
    /// A bid in the last so many milliseconds moves the end by as many; 0 = never.
    pub soft_close_ms: i64,
    /// Where it stands.
    pub status: AuctionStatus,
    /// When it takes no more bids.
    pub tm_end: Timestamp,
    /// When its end can be at the latest.
    pub tm_end_max: Timestamp,
    /// The bid that won.
    pub bid_id: Option<Uuid>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}

impl Auction {
    /// Lets a campaign say what it said when this was opened.
    pub fn put_terms(&self, campaign: &mut CallCampaign) {
        campaign.auction = Json(Some(self.terms()));
        Prices::put(self.prices, campaign);
    }

    /// The terms under which it was opened, whatever its campaign says by now.
    pub fn terms(&self) -> AuctionTerms {
        // It may last two windows in all.
        let window = (self.tm_end_max.micros() - self.tm_create.micros()) / 2_000;
        AuctionTerms {
            form: match self.form {
                AuctionForm::SecondPrice => Form::SecondPrice,
                _ => Form::FirstPrice,
            },
            reserve: self.reserve,
            increment: self.increment,
            window_ms: u32::try_from(window).unwrap_or_default(),
            soft_close_ms: u32::try_from(self.soft_close_ms).unwrap_or_default(),
        }
    }
}

/// What its events say beside it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Announced {
    /// Who bid in it, at most 1,000.
    #[serde(default)]
    pub buyer_ids: Vec<Uuid>,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("call_id", FilterKind::Uuid),
    ("call_campaign_id", FilterKind::Uuid),
    ("status", FilterKind::OneOf(AuctionStatus::WORDS)),
];
