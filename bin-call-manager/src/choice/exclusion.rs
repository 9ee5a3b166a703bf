//! Why a candidate is out: one rule, with the values that it was decided by.

use std::{collections::BTreeMap, sync::Arc};

use bin_common_handler::models::{
    money::{Currency, Money},
    time::Timestamp,
};
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

    /// What it says to a person, after "is out because"; amounts are in `currency`.
    pub fn because(&self, currency: Currency) -> String {
        let money = |amount: i64| Money::new(amount, currency).to_string();
        match self {
            Self::ProfileInactive => "its profile is not active".to_owned(),
            Self::OtherCampaign => "its profile is for another campaign".to_owned(),
            Self::AccountInactive { status } => format!("its account is {}", status.as_str()),
            Self::CurrencyMismatch { currency, needed } => {
                format!("it bids or pays in {currency}, and the campaign trades in {needed}")
            }
            Self::AlreadyTried => "it was tried for this call already".to_owned(),
            Self::MaxAttempts {
                attempts,
                max_attempts,
            } => format!("the call was tried {attempts} times of {max_attempts}"),
            Self::NoBid => "there is no amount from its endpoint".to_owned(),
            Self::BidExpired { expires } => format!("its bid expired at {expires}"),
            Self::BidTooLow { amount, reserve } => {
                format!(
                    "its bid of {} is below the reserve of {}",
                    money(*amount),
                    money(*reserve)
                )
            }
            Self::PriceTooHigh { most, max_price } => {
                format!(
                    "the call may cost {}, above its ceiling of {}",
                    money(*most),
                    money(*max_price)
                )
            }
            Self::BudgetReached {
                daily_budget,
                spent_today,
                needed,
            } => format!(
                "its budget of {} a day has {} in use, and the call may cost {}",
                money(*daily_budget),
                money(*spent_today),
                money(*needed)
            ),
            Self::InsufficientFunds {
                balance,
                held,
                credit_limit,
                needed,
            } => format!(
                "its balance of {} with {} held and a credit limit of {} does not cover {}",
                money(*balance),
                money(*held),
                money(*credit_limit),
                money(*needed)
            ),
            other => other.because_of_the_call(),
        }
    }

    /// The rules about the call, and about counts.
    fn because_of_the_call(&self) -> String {
        match self {
            Self::Country { call } => not_among("country", call.as_ref(), "countries"),
            Self::State { call } => not_among("state", call.as_ref(), "states"),
            Self::Npa { call } => not_among("area code", call.as_ref(), "area codes"),
            Self::Zip { call } => not_among("postal code", call.as_ref(), "postal codes"),
            Self::Radius {
                distance_tenth_miles,
                radius_tenth_miles,
            } => too_far(*distance_tenth_miles, *radius_tenth_miles),
            Self::Tag(miss) => miss.because(),
            Self::NumberExcluded => "it never takes calls of this number".to_owned(),
            Self::OutsideHours {
                whose,
                zone,
                minute_of_week,
            } => closed(whose, zone, *minute_of_week),
            Self::DuplicateCall { scope, after, days } => duplicate(*scope, *after, *days),
            Self::CapReached {
                cap,
                limit,
                counted,
                open_wins,
            } => {
                format!("its {cap} of {limit} is reached: {counted} count and {open_wins} are open")
            }
            other => other.excluded_by().to_lowercase(),
        }
    }
}

impl TagMiss {
    fn because(&self) -> String {
        let TagSpec { key, op, value } = self.rule.as_ref();
        let asked = format!("it wants the tag {key} {} {value}", op.in_words());
        match &self.call {
            Some(found) => format!("{asked}, and the call has {found}"),
            None => format!("{asked}, and the call has no such tag"),
        }
    }
}

fn not_among(what: &str, call: Option<&impl ToString>, list: &str) -> String {
    match call {
        Some(value) => format!(
            "the call's {what} {} is none of its {list}",
            value.to_string()
        ),
        None => format!("the call's {what} is unknown, and it takes certain {list} only"),
    }
}

fn too_far(distance_tenth_miles: Option<u32>, radius_tenth_miles: u32) -> String {
    let miles = |tenths: u32| format!("{}.{}", tenths / 10, tenths % 10);
    match distance_tenth_miles {
        Some(distance) => format!(
            "the call is {} miles away, and it takes {} at most",
            miles(distance),
            miles(radius_tenth_miles)
        ),
        None => "the call's place is unknown, and it takes calls of a circle only".to_owned(),
    }
}

fn closed(whose: &str, zone: &str, minute_of_week: u16) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let day = DAYS
        .get(usize::from(minute_of_week / 1_440))
        .unwrap_or(&"Mon");
    let (hour, minute) = (minute_of_week / 60 % 24, minute_of_week % 60);
    format!("the {whose} is closed on {day} at {hour:02}:{minute:02} in {zone}")
}

fn duplicate(scope: DuplicateScope, after: After, days: u16) -> String {
    let whom = match scope {
        DuplicateScope::Buyer => "it",
        DuplicateScope::All => "a buyer",
    };
    let what = match after {
        After::Connect => "was connected to",
        After::Conversion => "converted with",
    };
    format!("the caller {what} {whom} in the last {days} days")
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

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::choice::tags::TagOp;

    fn tag(call: Option<&str>) -> Exclusion {
        let rule = Arc::new(TagSpec {
            key: "age".to_owned(),
            op: TagOp::Gt,
            value: "64".to_owned(),
        });
        Exclusion::Tag(Box::new(TagMiss {
            rule,
            call: call.map(str::to_owned),
        }))
    }

    #[rstest]
    #[case(Exclusion::ProfileInactive, "PROFILE_INACTIVE", json!({}), "its profile is not active")]
    #[case(
        Exclusion::Npa { call: Some(415) },
        "NPA",
        json!({"call": 415}),
        "the call's area code 415 is none of its area codes"
    )]
    #[case(
        Exclusion::State { call: None },
        "STATE",
        json!({"call": null}),
        "the call's state is unknown, and it takes certain states only"
    )]
    #[case(
        Exclusion::Radius { distance_tenth_miles: Some(123), radius_tenth_miles: 50 },
        "RADIUS",
        json!({"distance_tenth_miles": 123, "radius_tenth_miles": 50}),
        "the call is 12.3 miles away, and it takes 5.0 at most"
    )]
    #[case(
        tag(Some("30")),
        "TAG",
        json!({"key": "age", "op": "gt", "value": "64", "call": "30"}),
        "it wants the tag age above 64, and the call has 30"
    )]
    #[case(
        tag(None),
        "TAG",
        json!({"key": "age", "op": "gt", "value": "64", "call": null}),
        "it wants the tag age above 64, and the call has no such tag"
    )]
    #[case(
        Exclusion::OutsideHours { whose: "account", zone: "America/Denver", minute_of_week: 4 * 1_440 + 65 },
        "OUTSIDE_HOURS",
        json!({"whose": "account", "zone": "America/Denver", "minute_of_week": 5_825}),
        "the account is closed on Fri at 01:05 in America/Denver"
    )]
    #[case(
        Exclusion::DuplicateCall { scope: DuplicateScope::All, after: After::Conversion, days: 30 },
        "DUPLICATE_CALL",
        json!({"scope": "all", "after": "conversion", "days": 30}),
        "the caller converted with a buyer in the last 30 days"
    )]
    #[case(
        Exclusion::CapReached { cap: "daily_cap", limit: 10, counted: 8, open_wins: 2 },
        "CAP_REACHED",
        json!({"cap": "daily_cap", "limit": 10, "counted": 8, "open_wins": 2}),
        "its daily_cap of 10 is reached: 8 count and 2 are open"
    )]
    #[case(
        Exclusion::InsufficientFunds { balance: 700, held: 300, credit_limit: 0, needed: 525 },
        "INSUFFICIENT_FUNDS",
        json!({"balance": 700, "held": 300, "credit_limit": 0, "needed": 525}),
        "its balance of 7.00 USD with 3.00 USD held and a credit limit of 0.00 USD does not cover 5.25 USD"
    )]
    fn a_rule_is_told_with_its_values(
        #[case] exclusion: Exclusion,
        #[case] name: &str,
        #[case] detail: serde_json::Value,
        #[case] sentence: &str,
    ) {
        assert_eq!(exclusion.excluded_by(), name);
        assert_eq!(serde_json::to_value(&exclusion).unwrap(), detail);
        assert_eq!(exclusion.because(Currency::USD), sentence);
    }
}
