//! Which usage a result is about.
//!
//! By its dialer's name for the whole call; else by the ids of the call; else by the person called and the campaign,
//! within half an hour before the call began; else, where nobody is named, by our number. Dialers give the two legs of a
//! call ids of their own, and some scripts tell none, so ids often are no help.

use std::time::Duration;

use bin_common_handler::databasehandler::database_now;
use bin_common_handler::models::{error::Result, time::Timestamp};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::usages::{self, Candidate},
    models::{
        callresult::{CallResult, is_name_of_vicidial},
        customer::Customer,
    },
    phone::E164,
};

/// How long before its call a number may have been given.
const BEFORE: Duration = Duration::from_secs(30 * 60);
/// How far a dialer's clock may be behind the database's.
const SKEW: Duration = Duration::from_secs(2 * 60);
/// How long it may ring, and a script may wait, where a call is found by our number alone.
const SLACK: Duration = Duration::from_secs(2 * 60);
/// A result that says it is older is of a dialer whose clock is not set.
const OLD: Duration = Duration::from_secs(7 * 86_400);
/// Dialers tell begins in whole seconds.
const SECOND_US: i64 = 1_000_000;
/// A number given before the call began is its number, rather than one given so many times nearer after it: some dialers
/// tell a begin that is a moment before they asked for a number.
const AFTER_IS_FARTHER: i64 = 60;

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
    if let Some(usage) = by_reference(app, customer, keys, result).await? {
        return Ok(is_of_ours(app, customer, &usage, result)
            .await?
            .then_some(usage.id));
    }
    if let Some(phone) = keys.phone {
        let now = database_now(db).await?;
        let found = usages::of_person(db, customer.id, phone, window(result, now)).await?;
        return Ok(by_person(&found, customer, result, told_begin(result, now)));
    }
    match &result.did {
        Some(did) if !result.tells_person => alone(app, customer, did, result).await,
        _ => Ok(None),
    }
}

/// By what the dialer calls the call, or a leg of it.
async fn by_reference(
    app: &App,
    customer: &Customer,
    keys: &Keys,
    result: &CallResult,
) -> Result<Option<Candidate>> {
    let db = &app.store.db;
    if let Some(named) = keys.named {
        let found = usages::of_call_id(db, customer.id, named).await?;
        if let Some(usage) = by_name(found, keys, result) {
            return Ok(Some(usage));
        }
    }
    if keys.calls.is_empty() {
        return Ok(None);
    }
    let found = usages::of_calls(db, customer.id, &keys.calls).await?;
    Ok(by_call(found, keys))
}

/// A call that went out with a number that is nobody's here was not made with the number that we gave for it.
async fn is_of_ours(
    app: &App,
    customer: &Customer,
    usage: &Candidate,
    result: &CallResult,
) -> Result<bool> {
    match &result.did {
        Some(did) if did.as_str() != usage.number => {
            Ok(usages::is_number_of(&app.store.db, customer.id, did).await?)
        }
        _ => Ok(true),
    }
}

/// By our number, and nothing that names a call or a person.
async fn alone(
    app: &App,
    customer: &Customer,
    did: &E164,
    result: &CallResult,
) -> Result<Option<Uuid>> {
    let db = &app.store.db;
    let now = database_now(db).await?;
    let (began, is_told) = match told_begin(result, now) {
        Some(began) => (began, true),
        None => (now.minus(length(result)), false),
    };
    let near = (began.minus(SLACK), began.plus(SLACK));
    // A length without a begin may be of the talk alone, or wrong: then the call may have begun later.
    let to = if is_told { near.1 } else { now };
    let found = usages::of_number(db, customer.id, did, (near.0, to.max(near.1))).await?;
    let found: Vec<_> = found
        .into_iter()
        .filter(|usage| is_same_campaign(usage, customer, result))
        .filter(|usage| can_be_of_lead(usage, result))
        .collect();
    Ok(the_only_one(&found, near).or_else(|| the_only_one(&found, (near.0, to))))
}

/// The newest, where it is the only one whose end is not known. Anything else would be a guess.
fn the_only_one(found: &[Candidate], (from, to): (Timestamp, Timestamp)) -> Option<Uuid> {
    let mut within = found
        .iter()
        .filter(|usage| (from..=to).contains(&usage.tm_create));
    let newest = within.next().filter(|usage| usage.tm_result.is_none())?;
    within
        .all(|older| older.tm_result.is_some())
        .then_some(newest.id)
}

/// The newest, if it can be of the same person; of another one only by a name that no other call can have: a
/// dialer that calls somebody's second number may tell of the first.
fn by_name(found: Vec<Candidate>, keys: &Keys, result: &CallResult) -> Option<Candidate> {
    let same = found.iter().position(|usage| keys.can_be_for(usage));
    let place = same.or_else(|| result.names_one_call().then_some(0))?;
    found.into_iter().nth(place)
}

/// The newest with the most telling id, unless it was for somebody else: dialers repeat each other's ids.
fn by_call(found: Vec<Candidate>, keys: &Keys) -> Option<Candidate> {
    let place = keys.calls.iter().find_map(|call| {
        let has_id = |usage: &Candidate| usage.call_ref == Some(*call) && keys.can_be_for(usage);
        found.iter().position(has_id)
    })?;
    found.into_iter().nth(place)
}

/// Of those of the same campaign, and with our number where the result tells it, the one given before the call began;
/// the newest where nobody says when it did.
fn by_person(
    found: &[Candidate],
    customer: &Customer,
    result: &CallResult,
    began: Option<Timestamp>,
) -> Option<Uuid> {
    let is_same_did = |usage: &&Candidate| {
        let told = result.did.as_ref();
        told.is_none_or(|did| did.as_str() == usage.number)
    };
    let mut usages = found
        .iter()
        .filter(|usage| is_same_campaign(usage, customer, result))
        .filter(|usage| !is_named_otherwise(usage, result))
        .filter(is_same_did);
    let usage = match began {
        Some(began) => usages.min_by_key(|usage| distance(usage.tm_create, began)),
        None => usages.next(),
    };
    usage.map(|usage| usage.id)
}

/// How far from the begin of its call a number was given.
fn distance(given: Timestamp, began: Timestamp) -> i64 {
    let before = began.micros().saturating_sub(given.micros());
    if before >= -SECOND_US {
        return before.max(0);
    }
    before
        .saturating_add(SECOND_US)
        .saturating_neg()
        .saturating_mul(AFTER_IS_FARTHER)
}

fn is_same_campaign(usage: &Candidate, customer: &Customer, result: &CallResult) -> bool {
    let (told, known) = (&result.campaign, &usage.vicidial_campaign_id);
    customer.is_no_campaign(told)
        || customer.is_no_campaign(known)
        || told.eq_ignore_ascii_case(known)
}

/// Both know the dialer's name for the call, and it is another one.
fn is_named_otherwise(usage: &Candidate, result: &CallResult) -> bool {
    result.names_one_call()
        && is_name_of_vicidial(&usage.call_id)
        && result.call_id != usage.call_id
}

fn can_be_of_lead(usage: &Candidate, result: &CallResult) -> bool {
    let is_told = !result.lead_id.is_empty() && !usage.lead_id.is_empty();
    let is_other = is_told && result.lead_id != usage.lead_id;
    !is_other && !is_named_otherwise(usage, result)
}

fn length(result: &CallResult) -> Duration {
    let seconds = result.duration_seconds.unwrap_or_default();
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// When the call began as the result says, if that can be.
fn told_begin(result: &CallResult, now: Timestamp) -> Option<Timestamp> {
    let is_credible = |time: &Timestamp| (now.minus(OLD)..=now.plus(SKEW)).contains(time);
    result.tm_call.filter(is_credible)
}

/// When the number was given, if it was for this call.
fn window(result: &CallResult, now: Timestamp) -> (Timestamp, Timestamp) {
    let began = told_begin(result, now).unwrap_or_else(|| now.minus(length(result)));
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
            call_id: String::new(),
            lead_id: String::new(),
            tm_result: None,
            tm_create: NOW,
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
        let usage = by_name(found.to_vec(), &keys(&[], phone), &result);
        assert_eq!(usage.map(|usage| usage.id), expected.map(Uuid::from_u128));
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
        let usage = by_call(found.to_vec(), &keys(calls, phone));
        assert_eq!(usage.map(|usage| usage.id), expected.map(Uuid::from_u128));
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
        let found = by_person(&[candidate(1, 7, 1, known)], &customer, &result, None);
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

    /// Usages of one person, given so many seconds before now, newest first.
    fn given(seconds: &[i64]) -> Vec<Candidate> {
        let usages = seconds.iter().zip(1..);
        let given = |(seconds, id): (&i64, u128)| Candidate {
            tm_create: Timestamp::from_micros(NOW.micros() - seconds * SECOND_US),
            ..candidate(id, 7, 1, "S")
        };
        usages.map(given).collect()
    }

    #[rstest]
    #[case::not_told(&[10, 70], None, Some(1))]
    #[case::the_second_call(&[10, 70], Some(5), Some(1))]
    #[case::the_first_call(&[10, 70], Some(65), Some(2))]
    #[case::the_first_until_the_second_was_asked_for(&[10, 70], Some(12), Some(2))]
    #[case::in_the_second_that_it_was_asked_in(&[10, 70], Some(11), Some(1))]
    #[case::the_first_of_three(&[5, 30, 110], Some(100), Some(3))]
    #[case::the_second_of_three(&[5, 30, 110], Some(20), Some(2))]
    #[case::told_a_moment_too_early(&[10, 1200], Some(13), Some(1))]
    #[case::only_one_and_a_clock_that_is_behind(&[10], Some(100), Some(1))]
    #[case::none(&[], Some(10), None)]
    fn a_call_has_the_number_given_before_it_began(
        #[case] usages: &[i64],
        #[case] began: Option<i64>,
        #[case] expected: Option<u128>,
    ) {
        let began = began.map(|seconds| Timestamp::from_micros(NOW.micros() - seconds * SECOND_US));
        let result = CallResult::new(Source::Log);
        let usage = by_person(&given(usages), &Customer::default(), &result, began);
        assert_eq!(usage, expected.map(Uuid::from_u128));
    }

    #[test]
    fn a_usage_that_is_named_otherwise_is_of_another_call() {
        let mut found = given(&[10, 70]);
        found[0].call_id = "V1201122450000000001".to_owned();
        let result = CallResult {
            call_id: "V1201122450000000002".to_owned(),
            ..CallResult::new(Source::Dispo)
        };
        let usage = by_person(&found, &Customer::default(), &result, None);
        assert_eq!(usage, Some(Uuid::from_u128(2)));
        found[0].call_id = "call 7".to_owned();
        let usage = by_person(&found, &Customer::default(), &result, None);
        assert_eq!(usage, Some(Uuid::from_u128(1)));
    }

    #[rstest]
    #[case::one(&[(30, false)], Some(1))]
    #[case::the_older_is_over(&[(30, false), (60, true)], Some(1))]
    #[case::the_newer_is_over(&[(30, true), (60, false)], None)]
    #[case::two(&[(30, false), (60, false)], None)]
    #[case::over(&[(30, true)], None)]
    #[case::too_old(&[(200, false)], None)]
    #[case::one_of_them_too_old(&[(30, false), (200, false)], Some(1))]
    #[case::none(&[], None)]
    fn by_our_number_only_where_one_call_can_be_meant(
        #[case] usages: &[(i64, bool)],
        #[case] expected: Option<u128>,
    ) {
        let seconds: Vec<_> = usages.iter().map(|(seconds, _)| *seconds).collect();
        let mut found = given(&seconds);
        for (usage, (_, is_over)) in found.iter_mut().zip(usages) {
            usage.tm_result = is_over.then_some(NOW);
        }
        let usage = the_only_one(&found, (NOW.minus(SLACK), NOW));
        assert_eq!(usage, expected.map(Uuid::from_u128));
    }
}
