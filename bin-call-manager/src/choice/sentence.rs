//! Rules in words, for people who ask why.

use bin_common_handler::models::money::{Currency, Money};

use super::{
    exclusion::{Exclusion, TagMiss},
    tags::TagSpec,
    terms::{After, DuplicateScope},
};

impl Exclusion {
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
            Self::Outbid => "others bid so much more that it was not ranked".to_owned(),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
