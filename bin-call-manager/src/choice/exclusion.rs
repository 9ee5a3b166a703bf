//! Why a candidate is out: one rule, with the values that it was decided by.

use std::{collections::BTreeMap, sync::Arc};

use bin_common_handler::models::{money::Currency, time::Timestamp};
use chrono_tz::Tz;
use serde::Serialize;

use super::{
    buyer::AccountStatus,
    place::{Circle, Code, Point},
    tags::{TagRule, TagSpec},
    terms::{After, DuplicateScope},
};

/// One rule that a candidate does not meet. As JSON: its values, `{}` where there are none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Exclusion {
    /// The profile does not bid at the moment.
    #[serde(serialize_with = "no_values")]
    ProfileInactive,
    /// The profile is for another campaign, or another tenant.
    #[serde(serialize_with = "no_values")]
    OtherCampaign,
    /// The buyer's account is not active.
    AccountInactive {
        /// What it is.
        status: AccountStatus,
    },
    /// The bid or the account is in another currency.
    CurrencyMismatch {
        /// Its currency.
        currency: Currency,
        /// The campaign's.
        needed: Currency,
    },
    /// The buyer had this call already.
    #[serde(serialize_with = "no_values")]
    AlreadyTried,
    /// The call was tried as often as the campaign allows.
    MaxAttempts {
        /// Attempts so far.
        attempts: u32,
        /// Most of them.
        max_attempts: u32,
    },
    /// Others bid so much more that it was not looked at.
    #[serde(serialize_with = "no_values")]
    Outbid,
    /// There is no amount: the profile's endpoint has not answered.
    #[serde(serialize_with = "no_values")]
    NoBid,
    /// The bid ended before the decision.
    BidExpired {
        /// When.
        expires: Timestamp,
    },
    /// The bid is below the reserve.
    BidTooLow {
        /// Minor units.
        amount: i64,
        /// Minor units.
        reserve: i64,
    },
    /// The consumer's country is none of the profile's.
    Country {
        /// The call's; absent = unknown.
        call: Option<Code>,
    },
    /// The consumer's state is none of the profile's.
    State {
        /// The call's; absent = unknown.
        call: Option<Code>,
    },
    /// The consumer's area code is none of the profile's.
    Npa {
        /// The call's; absent = unknown.
        call: Option<u16>,
    },
    /// The consumer's postal code is none of the profile's.
    Zip {
        /// The call's; absent = unknown.
        call: Option<Code>,
    },
    /// The consumer is too far away.
    Radius {
        /// Tenths of a mile from the centre; absent = the place is unknown.
        distance_tenth_miles: Option<u32>,
        /// Tenths of a mile that it may be.
        radius_tenth_miles: u32,
    },
    /// A tag does not meet the profile's condition.
    Tag(Box<TagMiss>),
    /// The profile never takes this consumer's calls.
    #[serde(serialize_with = "no_values")]
    NumberExcluded,
    /// The call may cost more than the profile allows.
    PriceTooHigh {
        /// Most that the call may cost, in minor units.
        most: i64,
        /// Most that the profile pays.
        max_price: i64,
    },
    /// The profile, the account or the campaign is closed now.
    OutsideHours {
        /// `profile`, `account` or `campaign`.
        whose: &'static str,
        /// The zone of its hours.
        zone: &'static str,
        /// Its local time: minutes since Monday 00:00.
        minute_of_week: u16,
    },
    /// The caller was put through, or converted, too recently.
    DuplicateCall {
        /// With this buyer, or any.
        scope: DuplicateScope,
        /// What counts.
        after: After,
        /// For so many days of 24 hours.
        days: u16,
    },
    /// The account has as many calls as it may.
    CapReached {
        /// Which cap, as the account names it.
        cap: &'static str,
        /// Its value.
        limit: u32,
        /// Calls that count already.
        counted: u32,
        /// Wins that may still count.
        open_wins: u32,
    },
    /// The day's budget does not hold this call.
    BudgetReached {
        /// Minor units a day.
        daily_budget: i64,
        /// Spent or held today.
        spent_today: i64,
        /// Most that the call may cost.
        needed: i64,
    },
    /// The account cannot pay this call.
    InsufficientFunds {
        /// Minor units.
        balance: i64,
        /// Minor units of it that are held for other calls.
        held: i64,
        /// How far below zero it may go.
        credit_limit: i64,
        /// Most that the call may cost.
        needed: i64,
    },
}

/// A condition on a tag, and what the call has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagMiss {
    /// The condition: `key`, `op`, `value`.
    #[serde(flatten)]
    pub rule: Arc<TagSpec>,
    /// The call's value; absent = no such tag.
    pub call: Option<String>,
}

impl TagMiss {
    pub(super) fn new(rule: &TagRule, tags: &BTreeMap<String, String>) -> Box<Self> {
        let rule = Arc::clone(rule.spec());
        let call = tags.get(&rule.key).cloned();
        Box::new(Self { rule, call })
    }
}

impl Exclusion {
    /// The rule's name on the wire.
    pub const fn excluded_by(&self) -> &'static str {
        match self {
            Self::ProfileInactive => "PROFILE_INACTIVE",
            Self::OtherCampaign => "OTHER_CAMPAIGN",
            Self::AccountInactive { .. } => "ACCOUNT_INACTIVE",
            Self::CurrencyMismatch { .. } => "CURRENCY_MISMATCH",
            Self::AlreadyTried => "ALREADY_TRIED",
            Self::MaxAttempts { .. } => "MAX_ATTEMPTS",
            Self::Outbid => "OUTBID",
            Self::NoBid => "NO_BID",
            Self::BidExpired { .. } => "BID_EXPIRED",
            Self::BidTooLow { .. } => "BID_TOO_LOW",
            Self::Country { .. } => "COUNTRY",
            Self::State { .. } => "STATE",
            Self::Npa { .. } => "NPA",
            Self::Zip { .. } => "ZIP",
            Self::Radius { .. } => "RADIUS",
            Self::Tag(_) => "TAG",
            Self::NumberExcluded => "NUMBER_EXCLUDED",
            Self::PriceTooHigh { .. } => "PRICE_TOO_HIGH",
            Self::OutsideHours { .. } => "OUTSIDE_HOURS",
            Self::DuplicateCall { .. } => "DUPLICATE_CALL",
            Self::CapReached { .. } => "CAP_REACHED",
            Self::BudgetReached { .. } => "BUDGET_REACHED",
            Self::InsufficientFunds { .. } => "INSUFFICIENT_FUNDS",
        }
    }

    pub(super) fn radius(circle: &Circle, point: Option<&Point>) -> Self {
        Self::Radius {
            distance_tenth_miles: point.map(|point| tenths(circle.miles_to(point))),
            radius_tenth_miles: tenths(circle.miles()),
        }
    }

    pub(super) fn outside_hours(whose: &'static str, zone: Tz, minute_of_week: u16) -> Self {
        Self::OutsideHours {
            whose,
            zone: zone.name(),
            minute_of_week,
        }
    }
}

/// Tenths of a mile, rounded down; distances on the earth fit.
fn tenths(miles: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped; there is no checked conversion from f64"
    )]
    let tenths = (miles * 10.0).clamp(0.0, 1_000_000.0) as u32;
    tenths
}

fn no_values<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    serializer.serialize_map(Some(0))?.end()
}
