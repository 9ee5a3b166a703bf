//! Which usage a result is about.
//!
//! By its dialer's name for the whole call; else by the ids of the call; else by the person called and the campaign,
//! within half an hour before the call began. Dialers give the two legs of a call ids of their own, and some scripts
//! tell none, so ids often are no help.

use std::time::Duration;

use bin_common_handler::models::{error::Result, time::Timestamp};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::usages::{self, Candidate},
    models::{callresult::CallResult, customer::Customer},
};

/// How long before its call a number may have been given.
const BEFORE: Duration = Duration::from_secs(30 * 60);
/// How far a dialer's clock may be behind the database's.
const SKEW: Duration = Duration::from_secs(2 * 60);
/// A result that says it is older is of a dialer whose clock is not set.
const OLD: Duration = Duration::from_secs(7 * 86_400);

/// What a result is looked for by.
pub(super) struct Keys {
    /// Reference of the dialer's name for the whole call.
    pub named: Option<i64>,
    /// References of the call, the most telling first.
    pub calls: Vec<i64>,
    /// The person called.
    pub phone: Option<[u8; 16]>,
}

impl Keys {
    /// Whether nothing says that the usage was for somebody else.
    fn can_be_for(&self, usage: &Candidate) -> bool {
        match (self.phone, &usage.phone_hash) {
            (Some(told), Some(known)) => told.as_slice() == known,
            _ => true,
        }
    }
}

/// The usage that `result` is about.
pub(super) async fn find(
    app: &App,
    customer: &Customer,
    keys: &Keys,
    result: &CallResult,
) -> Result<Option<Uuid>> {
    let db = &app.store.db;
    if let Some(named) = keys.named {
        let found = usages::of_call_id(db, customer.id, named).await?;
        if let Some(usage) = by_name(&found, keys, result) {
            return Ok(Some(usage));
        }
    }
    if !keys.calls.is_empty() {
        let found = usages::of_calls(db, customer.id, &keys.calls).await?;
        if let Some(usage) = by_call(&found, keys) {
            return Ok(Some(usage));
        }
    }
    let Some(phone) = keys.phone else {
        return Ok(None);
    };
    let now = usages::database_now(db).await?;
    let found = usages::of_person(db, customer.id, phone, window(result, now)).await?;
    Ok(by_person(&found, customer, result))
}

/// The newest, if it can be of the same person; of another one only by a name that no other call can have: a
/// dialer that calls somebody's second number may tell of the first.
fn by_name(found: &[Candidate], keys: &Keys, result: &CallResult) -> Option<Uuid> {
    let same = found.iter().find(|usage| keys.can_be_for(usage));
    let other = found.first().filter(|_| result.names_one_call());
    same.or(other).map(|usage| usage.id)
}

/// The newest with the most telling id, unless it was for somebody else: dialers repeat each other's ids.
fn by_call(found: &[Candidate], keys: &Keys) -> Option<Uuid> {
    keys.calls.iter().find_map(|call| {
        let mut usages = found.iter().filter(|usage| keys.can_be_for(usage));
        usages
            .find(|usage| usage.call_ref == Some(*call))
            .map(|usage| usage.id)
    })
}

/// The newest of the same campaign, and with our number where the result tells it.
fn by_person(found: &[Candidate], customer: &Customer, result: &CallResult) -> Option<Uuid> {
    let told = Some(result.campaign.as_str()).filter(|text| !customer.is_no_campaign(text));
    let is_same_campaign = |usage: &&Candidate| {
        told.is_none_or(|told| {
            customer.is_no_campaign(&usage.vicidial_campaign_id)
                || told.eq_ignore_ascii_case(&usage.vicidial_campaign_id)
        })
    };
    let is_same_did = |usage: &&Candidate| {
        let told = result.did.as_ref();
        told.is_none_or(|did| did.as_str() == usage.number)
    };
    found
        .iter()
        .filter(is_same_campaign)
        .find(is_same_did)
        .map(|usage| usage.id)
}

/// When the number was given, if it was for this call.
fn window(result: &CallResult, now: Timestamp) -> (Timestamp, Timestamp) {
    let is_credible = |time: &Timestamp| (now.minus(OLD)..=now.plus(SKEW)).contains(time);
    let length = u64::try_from(result.duration_seconds.unwrap_or_default()).unwrap_or_default();
    let began = result
        .tm_call
        .filter(is_credible)
        .unwrap_or_else(|| now.minus(Duration::from_secs(length)));
    (began.minus(BEFORE), began.plus(SKEW))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{models::callresult::Source, phone::E164};

    const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);
    const MINUTE: i64 = 60_000_000;

    fn candidate(id: u128, call_ref: i64, phone: u8, campaign: &str) -> Candidate {
        Candidate {
            id: Uuid::from_u128(id),
            call_ref: Some(call_ref),
            phone_hash: Some(vec![phone; 16]),
            number: "+12125550100".to_owned(),
            vicidial_campaign_id: campaign.to_owned(),
        }
    }

    fn keys(calls: &[i64], phone: Option<u8>) -> Keys {
        Keys {
            named: None,
            calls: calls.to_vec(),
            phone: phone.map(|byte| [byte; 16]),
        }
    }

    const OF_VICIDIAL: &str = "V1201122450000012345";

    #[rstest]
    #[case::newest(OF_VICIDIAL, None, Some(1))]
    #[case::of_the_person(OF_VICIDIAL, Some(2), Some(2))]
    #[case::another_number_of_theirs(OF_VICIDIAL, Some(9), Some(1))]
    #[case::any_name("call 7", Some(2), Some(2))]
    #[case::any_name_and_somebody_else("call 7", Some(9), None)]
    #[case::a_digit_short("V120112245000001234", Some(9), None)]
    #[case::another_letter("X1201122450000012345", Some(9), None)]
    #[case::letters("V12011224500000l2345", Some(9), None)]
    fn by_the_dialers_name_for_the_call(
        #[case] name: &str,
        #[case] phone: Option<u8>,
        #[case] expected: Option<u128>,
    ) {
        let found = [candidate(1, 7, 1, "S"), candidate(2, 8, 2, "S")];
        let result = CallResult {
            call_id: name.to_owned(),
            ..CallResult::new(Source::Dispo)
        };
        let usage = by_name(&found, &keys(&[], phone), &result);
        assert_eq!(usage, expected.map(Uuid::from_u128));
    }

    #[rstest]
    #[case::newest_first(&[7], Some(1), Some(1))]
    #[case::not_for_somebody_else(&[7], Some(2), Some(3))]
    #[case::person_not_told(&[7], None, Some(1))]
    #[case::the_most_telling_id(&[8, 7], None, Some(2))]
    #[case::unknown(&[9], None, None)]
    #[case::only_strangers(&[7], Some(9), None)]
    fn by_the_ids_of_the_call(
        #[case] calls: &[i64],
        #[case] phone: Option<u8>,
        #[case] expected: Option<u128>,
    ) {
        let found = [
            candidate(1, 7, 1, "S"),
            candidate(2, 8, 1, "S"),
            candidate(3, 7, 2, "S"),
        ];
        let usage = by_call(&found, &keys(calls, phone));
        assert_eq!(usage, expected.map(Uuid::from_u128));
    }

    #[rstest]
    #[case::same("S", "S", None, true)]
    #[case::other_case("s", "S", None, true)]
    #[case::other("T", "S", None, false)]
    #[case::none_told("", "S", None, true)]
    #[case::filler_told("default", "S", None, true)]
    #[case::none_known("S", "UNKNOWN", None, true)]
    #[case::own_filler("NONE", "S", None, true)]
    #[case::our_number("S", "S", Some("+12125550100"), true)]
    #[case::another_of_ours("S", "S", Some("+12125550101"), false)]
    fn by_person_and_campaign(
        #[case] told: &str,
        #[case] known: &str,
        #[case] did: Option<&str>,
        #[case] expected: bool,
    ) {
        let customer = Customer {
            filler_campaigns: sqlx::types::Json(vec!["none".to_owned()]),
            ..Customer::default()
        };
        let result = CallResult {
            campaign: told.to_owned(),
            did: did.and_then(E164::parse),
            ..CallResult::new(Source::Hangup)
        };
        let found = by_person(&[candidate(1, 7, 1, known)], &customer, &result);
        assert_eq!(found.is_some(), expected);
    }

    #[rstest]
    #[case::now(None, None, 0)]
    #[case::now_less_its_length(None, Some(600), -10)]
    #[case::as_told(Some(-90), Some(600), -90)]
    #[case::clock_ahead(Some(90), None, 0)]
    #[case::clock_never_set(Some(-60 * 24 * 365), None, 0)]
    fn a_number_was_given_within_half_an_hour_before_the_call(
        #[case] told: Option<i64>,
        #[case] seconds: Option<i32>,
        #[case] began: i64,
    ) {
        let at = |minutes: i64| Timestamp::from_micros(NOW.micros() + minutes * MINUTE);
        let result = CallResult {
            tm_call: told.map(at),
            duration_seconds: seconds,
            ..CallResult::new(Source::Log)
        };
        assert_eq!(window(&result, NOW), (at(began - 30), at(began + 2)));
    }
}
