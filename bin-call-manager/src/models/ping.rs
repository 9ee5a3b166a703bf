//! A ping: a seller asks what a call would bring before it sends it.

use std::collections::BTreeMap;

use bin_common_handler::{Entity, models::time::Timestamp, text_enum};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::prices::Prices;

text_enum!(
    /// Where a ping stands.
    pub enum PingStatus {
        /// Somebody would take the call.
        Offered = "offered",
        /// Nobody would.
        Rejected = "rejected",
        /// Accepted: the call is made and sold, and is waited for.
        Reserved = "reserved",
        /// The call came.
        Used = "used",
        /// The call did not come in time, or nobody took it at last.
        Expired = "expired",
    }
);

/// Why nobody takes a call, as the trade numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// The campaign sells no calls.
    Disabled,
    /// Nobody wants such a call.
    TagFilter,
    /// All are closed, or have as many calls as they may.
    Capacity,
    /// The caller is blocked, a duplicate, or not to be called.
    CallerId,
    /// Somebody wanted it, and could not have it in the end.
    FinalCapacity,
    /// Too many calls.
    Rate,
    /// There is no caller id.
    CallerIdRequired,
}

impl Reject {
    /// The trade's number.
    pub const fn code(self) -> i32 {
        match self {
            Self::Disabled => 1001,
            Self::TagFilter => 1002,
            Self::Capacity => 1003,
            Self::CallerId => 1004,
            Self::FinalCapacity => 1006,
            Self::Rate => 1024,
            Self::CallerIdRequired => 1100,
        }
    }

    /// In words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Disabled => "The campaign takes no calls.",
            Self::TagFilter => "Nobody takes such a call.",
            Self::Capacity => "All buyers are closed or at capacity.",
            Self::CallerId => "The caller is blocked or was there before.",
            Self::FinalCapacity => "No buyer had capacity at last.",
            Self::Rate => "Too many calls.",
            Self::CallerIdRequired => "The caller id is required.",
        }
    }

    /// The one that says most about why a decision found nobody, by the rules that excluded the candidates: whoever
    /// came furthest counts.
    pub fn of<'r>(rules: impl Iterator<Item = &'r str>) -> Self {
        let mut found = Self::Capacity;
        let mut best = 0;
        for rule in rules {
            let (rank, reject) = match rule {
                "COUNTRY" | "STATE" | "NPA" | "ZIP" | "RADIUS" | "TAG" => (1, Self::TagFilter),
                "NUMBER_EXCLUDED" | "DUPLICATE_CALL" => (2, Self::CallerId),
                "OUTSIDE_HOURS" | "CAP_REACHED" | "BUDGET_REACHED" => (3, Self::Capacity),
                "PROFILE_INACTIVE" | "OTHER_CAMPAIGN" | "ACCOUNT_INACTIVE" => (0, Self::Capacity),
                _ => (4, Self::FinalCapacity),
            };
            if rank > best {
                (best, found) = (rank, reject);
            }
        }
        found
    }
}

/// What an endpoint bids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Answer {
    /// The profile whose endpoint it is.
    pub profile_id: Uuid,
    /// The buyer.
    pub buyer_id: Uuid,
    /// Minor units of the campaign's currency.
    pub amount: i64,
    /// Where the call would go; empty = as the profile says.
    pub destination: String,
    /// When it counts no more.
    pub expires: Timestamp,
}

/// An endpoint whose answer does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Dropped {
    /// The profile whose endpoint it is.
    pub profile_id: Uuid,
    /// The buyer.
    pub buyer_id: Uuid,
    /// Why, e.g. `LATE`.
    pub reason: String,
}

/// A seller's question, and what came of it.
#[derive(
    Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_pings")]
pub struct Ping {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The campaign.
    pub call_campaign_id: Uuid,
    /// The seller's account.
    pub seller_id: Uuid,
    /// E.164 of who would call.
    pub from_number: String,
    /// Whether bidders see all of that number.
    pub expose_caller_id: bool,
    /// ZIP of the person; empty = not known.
    pub zip: String,
    /// State of the person; empty = not known.
    pub state: String,
    /// The seller's own words about the call.
    #[schemars(with = "BTreeMap<String, String>")]
    pub tags: Json<BTreeMap<String, String>>,
    /// What makes another ping the same question: SHA-256 in hexadecimal digits.
    #[serde(skip)]
    pub digest: String,
    /// Where it stands.
    pub status: PingStatus,
    /// What the seller gets, in minor units.
    pub amount: i64,
    /// The fixed sums under which it was offered; null for pings that were answered before they were kept.
    #[serde(skip)]
    pub prices: Json<Option<Prices>>,
    /// ISO 4217 code.
    pub currency: String,
    /// Where the call is to come in: a number of ours; empty = by request.
    pub destination: String,
    /// Why nobody takes it.
    pub reject_reason: String,
    /// The same as the trade numbers it; null = somebody takes it.
    pub reject_code: Option<i32>,
    /// What endpoints bid.
    #[schemars(with = "Vec<Answer>")]
    pub answers: Json<Vec<Answer>>,
    /// Whose answers do not count.
    #[schemars(with = "Vec<Dropped>")]
    pub dropped: Json<Vec<Dropped>>,
    /// The call that was made of it; null until it is accepted.
    pub call_id: Option<Uuid>,
    /// The bid whose endpoint was told that it won, and took the call; null before.
    pub told_bid_id: Option<Uuid>,
    /// Until when it is accepted, and the call may come.
    pub expires: Timestamp,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}

/// What a seller is answered; an operator sees the bidders, too.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PingReply {
    /// The ping.
    pub id: Uuid,
    /// The campaign.
    pub call_campaign_id: Uuid,
    /// Whether somebody takes the call.
    pub accepted: bool,
    /// Where it stands.
    pub status: PingStatus,
    /// What the seller gets, in minor units.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// Until when the ping may be accepted and the call may come.
    pub expires: Timestamp,
    /// Where the call is to come in; empty = by `POST /v1/calls` with `ping_id`.
    pub destination: String,
    /// Why nobody takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_reason: Option<String>,
    /// The same as the trade numbers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_code: Option<i32>,
    /// Whether this was answered before, and nobody was asked again.
    pub cached: bool,
    /// The call, once it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<Uuid>,
    /// For the operator: what endpoints bid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<Answer>>,
    /// For the operator: whose answers do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<Vec<Dropped>>,
}

impl Ping {
    /// Whether somebody takes, or took, the call.
    pub fn is_accepted(&self) -> bool {
        self.reject_code.is_none()
    }

    /// As it is answered.
    pub fn reply(self, cached: bool, is_operator: bool) -> PingReply {
        PingReply {
            accepted: self.is_accepted(),
            id: self.id,
            call_campaign_id: self.call_campaign_id,
            status: self.status,
            amount: self.amount,
            currency: self.currency,
            expires: self.expires,
            destination: self.destination,
            reject_reason: self.reject_code.map(|_| self.reject_reason),
            reject_code: self.reject_code,
            cached,
            call_id: self.call_id,
            answers: is_operator.then_some(self.answers.0),
            dropped: is_operator.then_some(self.dropped.0),
        }
    }

    /// What a bidder sees of the caller: the number, or where it is: area code and exchange in North America, else the
    /// first six digits.
    pub fn shown_number(&self) -> &str {
        if self.expose_caller_id {
            return &self.from_number;
        }
        let digits = self
            .from_number
            .strip_prefix("+1")
            .or_else(|| self.from_number.strip_prefix('+'))
            .unwrap_or_default();
        digits.get(..6).unwrap_or(digits)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+14155550123", false, "415555")]
    #[case("+493012345678", false, "493012")]
    #[case("+14155550123", true, "+14155550123")]
    fn a_bidder_sees_six_digits_unless_told(
        #[case] number: &str,
        #[case] expose_caller_id: bool,
        #[case] shown: &str,
    ) {
        let ping = Ping {
            from_number: number.to_owned(),
            expose_caller_id,
            ..Ping::default()
        };
        assert_eq!(ping.shown_number(), shown);
    }

    #[rstest]
    #[case(&[], 1003)]
    #[case(&["TAG", "OTHER_CAMPAIGN"], 1002)]
    #[case(&["TAG", "DUPLICATE_CALL"], 1004)]
    #[case(&["TAG", "CAP_REACHED", "NUMBER_EXCLUDED"], 1003)]
    #[case(&["CAP_REACHED", "INSUFFICIENT_FUNDS"], 1006)]
    #[case(&["NO_BID"], 1006)]
    fn the_code_is_that_of_who_came_furthest(#[case] rules: &[&str], #[case] code: i32) {
        assert_eq!(Reject::of(rules.iter().copied()).code(), code);
    }
}
