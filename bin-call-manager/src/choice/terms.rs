//! What a campaign says about how its calls are sold.

use bin_common_handler::models::{hours::Hours, money::Currency};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Parts of one in a weight, a quality or a factor.
pub const WHOLE_MILLIONTHS: u32 = 1_000_000;

/// How the buyer is chosen among those that may have the call. Equals are always ranked by the total order:
/// effective bid, priority, earliest, id.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The highest effective bid.
    #[default]
    HighestBid,
    /// Whoever has waited longest for a call of the campaign.
    RoundRobin,
    /// Shares by weight, evenly spread.
    Weighted,
    /// The lowest priority number; shares by weight among those that have it.
    Priority,
    /// The share of the call's tags that the profile asks for, then quality.
    Skill,
    /// The lowest amount.
    LeastCost,
    /// Conversion rate, drawn from what is known of it, times amount (Thompson sampling).
    Performance,
}

/// What the winner of an auction pays.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Its own amount.
    #[default]
    FirstPrice,
    /// Just more than what another buyer's bid is worth.
    SecondPrice,
}

/// How long bids are taken where nobody says.
const WINDOW_MS: u32 = 5_000;

/// An auction's terms; amounts in minor units of the campaign's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuctionTerms {
    /// What the winner pays.
    pub form: Form,
    /// Least amount of a bid.
    pub reserve: i64,
    /// What a second price has on top of the other buyer's worth.
    pub increment: i64,
    /// How long bids are taken.
    pub window_ms: u32,
    /// A bid this close to the end moves the end by as much; 0 = never.
    pub soft_close_ms: u32,
}

impl Default for AuctionTerms {
    fn default() -> Self {
        Self {
            form: Form::default(),
            reserve: 0,
            increment: 0,
            window_ms: WINDOW_MS,
            soft_close_ms: 0,
        }
    }
}

/// With whom an earlier call makes this one a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateScope {
    /// The same buyer.
    Buyer,
    /// Any buyer of the campaign.
    All,
}

/// Which earlier calls count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// Those that were put through.
    Connect,
    /// Those that converted.
    Conversion,
}

/// The rule about callers who were there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Duplicates {
    /// With whom.
    pub scope: DuplicateScope,
    /// After what.
    pub after: After,
    /// For so many days of 24 hours.
    pub days: u16,
}

/// A campaign's terms, as its locked row says.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The tenant.
    pub customer_id: Uuid,
    /// The campaign.
    pub call_campaign_id: Uuid,
    /// What it trades in.
    pub currency: Currency,
    /// How the buyer is chosen.
    pub strategy: Strategy,
    /// How much quality counts: millionths, 0 to 1,000,000.
    pub quality_weight_millionths: u32,
    /// Prices; nothing = every buyer pays its amount, and there is no reserve.
    pub auction: Option<AuctionTerms>,
    /// What every call costs those who bid as much or more; minor units.
    pub revenue: Option<i64>,
    /// The rule about callers who were there before.
    pub duplicates: Option<Duplicates>,
    /// When calls are sold at all.
    pub hours: Hours,
    /// The zone of its hours.
    pub timezone: Tz,
    /// Buyers that one call is offered to at most.
    pub max_attempts: u32,
}

impl Terms {
    /// The least amount of a bid, in minor units; never below 0.
    pub fn reserve(&self) -> i64 {
        self.auction.map_or(0, |auction| auction.reserve.max(0))
    }

    /// Whether a price goes by the bid of another buyer than the winner.
    pub fn is_second_price(&self) -> bool {
        self.revenue.is_none()
            && self
                .auction
                .is_some_and(|auction| auction.form == Form::SecondPrice)
    }

    /// The least that a bid must be to win, in minor units: nobody pays more than it bids.
    pub fn least(&self) -> i64 {
        self.reserve().max(self.revenue.unwrap_or(0))
    }

    /// Most that a bid of that amount may cost its buyer: what funds, budget and ceiling must hold.
    pub fn most(&self, amount: i64) -> i64 {
        self.revenue.unwrap_or(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auction_without_a_window_takes_bids_for_five_seconds() {
        let read = |text| serde_json::from_str::<AuctionTerms>(text).unwrap();
        assert_eq!(read(r#"{"reserve": 1}"#).window_ms, 5_000);
        assert_eq!(read(r#"{"window_ms": 0}"#).window_ms, 0);
    }
}
