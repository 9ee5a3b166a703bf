//! What a request means to its tenant: which campaign, whose numbers, by which rule, near whom.

use std::time::Duration;

use bin_common_handler::models::{
    error::{Error, Result, Status},
    hours::minute_of_week,
    time::Timestamp,
};
use serde_json::json;
use uuid::Uuid;

use super::{Fields, Question, RequestKey};
use crate::{
    area,
    choice::{
        index::state,
        pick::{Plan, Refused, Target},
        view::View,
    },
    models::{
        campaign::{Campaign, Fallback},
        customer::CustomerStatus,
        rotationrule::RotationRule,
    },
    phone::{DialStatus, Dialled, E164, read_dialled},
    privacy::PhoneHasher,
};

/// A retry of a dialer under the id of its call gets the same number for so long.
const CALL_KEY_TTL: Duration = Duration::from_secs(150);
/// As above, where only the number called tells a retry.
const PHONE_KEY_TTL: Duration = Duration::from_secs(3);
/// Campaign ids that mean "none", whatever the tenant says.
const FILLERS: [&str; 2] = ["DEFAULT", "UNKNOWN"];

/// A request, understood.
#[derive(Debug)]
pub(super) struct Job {
    pub plan: Plan,
    pub target: Target,
    pub campaign_id: Uuid,
    pub person: Option<E164>,
    pub phone_hash: Option<[u8; 16]>,
    pub call_ref: Option<i64>,
    pub call_id_ref: Option<i64>,
    pub key: Option<Key>,
    /// The person's last number is wanted.
    pub is_sticky: bool,
}

/// What makes a repetition known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub bytes: [u8; 16],
    pub ttl: Duration,
    /// See [`RequestKey::replays`].
    pub replays: bool,
}

/// What a request turned out to be.
pub(super) enum Resolved {
    Job(Box<Job>),
    Ended(DialStatus),
}

/// Understands a request.
pub(super) fn resolve(
    question: &Question,
    view: &View,
    hasher: &PhoneHasher,
    now: i64,
) -> Result<Resolved> {
    ensure_active(view)?;
    let fields = &question.fields;
    let prefixes = &view.customer.dial_prefixes.0;
    let person = match read_dialled(&fields.phone, prefixes) {
        Dialled::Number(number) => Some(number),
        Dialled::Result(status) => return Ok(Resolved::Ended(status)),
        Dialled::Noise | Dialled::Empty => None,
    };
    let campaign = campaign(view, &fields.campaign);
    if let Some(campaign) = campaign {
        ensure_open(view, campaign, now)?;
    }
    let rule = rule(view, campaign, now);
    let customer_id = question.customer_id;
    let phone_hash = person
        .as_ref()
        .map(|person| hasher.phone(customer_id, person));
    let call = |id: &str| (!id.is_empty()).then(|| hasher.call(customer_id, id));
    Ok(Resolved::Job(Box::new(Job {
        plan: plan(view, campaign, rule),
        target: target(fields, person.as_ref()),
        campaign_id: campaign.map_or_else(Uuid::nil, |campaign| campaign.id),
        key: key(question, person.as_ref(), hasher),
        call_ref: call(&fields.uniqueid),
        call_id_ref: call(&fields.call_id),
        is_sticky: rule.is_some_and(|rule| rule.sticky) && phone_hash.is_some(),
        phone_hash,
        person,
    })))
}

fn ensure_active(view: &View) -> Result<()> {
    let customer = &view.customer;
    if customer.tm_delete.is_none() && customer.status == CustomerStatus::Active {
        return Ok(());
    }
    Err(Error::permission_denied(
        "CUSTOMER_SUSPENDED",
        "This customer is given no numbers.",
    ))
}

fn campaign<'v>(view: &'v View, id: &str) -> Option<&'v Campaign> {
    let customer = &view.customer;
    let is_filler = id.is_empty()
        || FILLERS.iter().any(|filler| filler.eq_ignore_ascii_case(id))
        || customer
            .filler_campaigns
            .0
            .iter()
            .any(|filler| filler.eq_ignore_ascii_case(id));
    if is_filler {
        None
    } else {
        view.campaigns.get(id)
    }
}

fn ensure_open(view: &View, campaign: &Campaign, now: i64) -> Result<()> {
    let zone = campaign.timezone.parse().unwrap_or(view.calendar.zone);
    let now = Timestamp::from_micros(now);
    if campaign.hours.0.is_open(minute_of_week(zone, now)) {
        return Ok(());
    }
    Err(none_available(
        "closed_hours",
        "The campaign is closed now.",
    ))
}

fn rule<'v>(view: &'v View, campaign: Option<&Campaign>, now: i64) -> Option<&'v RotationRule> {
    let now = Timestamp::from_micros(now);
    let own = campaign
        .and_then(|campaign| view.rules.get(&campaign.rule_id))
        .filter(|rule| rule.is_valid(now));
    own.or_else(|| {
        let general = view
            .rules
            .values()
            .filter(|rule| rule.priority > 0 && rule.is_valid(now));
        general.max_by_key(|rule| (rule.priority, rule.id))
    })
}

fn plan(view: &View, campaign: Option<&Campaign>, rule: Option<&RotationRule>) -> Plan {
    let default = view.customer.didpool_id;
    let own = campaign
        .map(|campaign| campaign.didpool_id)
        .filter(|pool| !pool.is_nil());
    let falls_back = campaign.is_some_and(|campaign| campaign.fallback == Fallback::TenantPool);
    Plan::new(own.unwrap_or(default), falls_back.then_some(default), rule)
}

/// The number called is believed before anything that is said about it.
fn target(fields: &Fields, person: Option<&E164>) -> Target {
    let said = fields
        .area_code
        .parse()
        .ok()
        .filter(|npa| area::of_npa(*npa).is_some());
    let npa = match person {
        Some(person) => person.npa(),
        None => said,
    };
    let derived = npa.and_then(area::of_npa).map(|area| area.state);
    let code = area::state_code(&fields.state).or(derived);
    Target {
        npa: npa.unwrap_or(0),
        nxx: person.and_then(E164::nxx).unwrap_or(0),
        state: code.and_then(state),
        place: fields.latitude.zip(fields.longitude),
    }
}

/// One number for a call, however often it is asked for: under the key that came with the request, else the
/// dialer's id of the call, else the number called for a few seconds. The access key is part of it, because
/// an id of a call repeats across dialers; so is the number.
fn key(question: &Question, person: Option<&E164>, hasher: &PhoneHasher) -> Option<Key> {
    let fields = &question.fields;
    let under = |given: RequestKey| Key {
        bytes: given.key,
        ttl: CALL_KEY_TTL,
        replays: given.replays,
    };
    if let Some(given) = question.operation.filter(|given| given.is_chosen) {
        return Some(under(given));
    }
    let who = question.access_key_id.unwrap_or_default().to_string();
    let number = person.map_or("", E164::as_str);
    let known = |parts: &[&str], ttl| Key {
        bytes: hasher.request(question.customer_id, parts),
        ttl,
        replays: true,
    };
    if !fields.uniqueid.is_empty() {
        return Some(known(
            &["call", &who, &fields.uniqueid, number],
            CALL_KEY_TTL,
        ));
    }
    if !number.is_empty() {
        return Some(known(
            &["number", &who, &fields.campaign, number],
            PHONE_KEY_TTL,
        ));
    }
    question.operation.map(under)
}

/// 503 with the reason that dialers know.
pub(super) fn none_available(reason: &str, message: &'static str) -> Error {
    Error::new(Status::Unavailable, "NO_DID_AVAILABLE", message)
        .with_detail(json!({"reason": reason}))
}

/// As [`none_available`], with what excluded the numbers. The sentence says it, too: it is all that a caller by
/// `format=text` is told.
pub(super) fn refusal(refused: &Refused) -> Error {
    let (reason, retry_at) = (refused.reason, refused.retry_at.map(Timestamp::from_micros));
    let until = retry_at.map_or_else(String::new, |time| format!(" until {time}"));
    let excluded: serde_json::Map<_, _> = refused
        .excluded
        .entries()
        .map(|(by, numbers)| (by.as_str().to_owned(), numbers.into()))
        .collect();
    Error::new(
        Status::Unavailable,
        "NO_DID_AVAILABLE",
        format!("No number may be used for this call now: {reason}{until}."),
    )
    .with_detail(json!({
        "reason": reason,
        "excluded": excluded,
        "retry_at": retry_at,
    }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::choice::pick::Tally;

    #[rstest]
    #[case::until_a_time(
        "cooling",
        Some(1_000_000),
        "No number may be used for this call now: cooling until 1970-01-01T00:00:01"
    )]
    #[case::until_a_change(
        "empty_pool",
        None,
        "No number may be used for this call now: empty_pool."
    )]
    fn the_sentence_says_why_and_until_when(
        #[case] reason: &'static str,
        #[case] retry_at: Option<i64>,
        #[case] begins: &str,
    ) {
        let error = refusal(&Refused {
            reason,
            excluded: Tally::default(),
            retry_at,
        });
        assert!(error.message().starts_with(begins), "{}", error.message());
    }

    const TRAVELLED: [u8; 16] = [7; 16];

    fn question(phone: &str, uniqueid: &str, operation: RequestKey) -> Question {
        Question {
            customer_id: Uuid::from_u128(1),
            access_key_id: Some(Uuid::from_u128(2)),
            fields: Fields {
                phone: phone.to_owned(),
                uniqueid: uniqueid.to_owned(),
                campaign: "A".to_owned(),
                ..Fields::default()
            },
            operation: Some(operation),
            is_dry_run: false,
        }
    }

    fn key_of(question: &Question) -> Key {
        let person = E164::parse(&question.fields.phone);
        key(question, person.as_ref(), &PhoneHasher::new(&[3; 32])).unwrap()
    }

    const fn travelled(is_redelivered: bool) -> RequestKey {
        RequestKey {
            key: TRAVELLED,
            is_chosen: false,
            replays: is_redelivered,
        }
    }

    #[rstest]
    #[case::by_call("4155550001", "1.1")]
    #[case::by_number("4155550001", "")]
    #[case::by_how_it_travelled("", "")]
    fn what_the_broker_delivers_again_has_the_same_key(
        #[case] phone: &str,
        #[case] uniqueid: &str,
    ) {
        let first = key_of(&question(phone, uniqueid, travelled(false)));
        let again = key_of(&question(phone, uniqueid, travelled(true)));
        assert_eq!(first.bytes, again.bytes);
        assert!(again.replays);
    }

    #[test]
    fn what_only_looks_the_same_is_no_repetition() {
        let first = key_of(&question("", "", travelled(false)));
        assert_eq!((first.bytes, first.replays), (TRAVELLED, false));
    }

    #[test]
    fn a_call_is_told_by_tenant_key_id_and_number() {
        let own = question("4155550001", "1.1", travelled(false));
        let mut others = vec![
            question("4155550002", "1.1", travelled(false)),
            question("4155550001", "1.2", travelled(false)),
            question("4155550001", "", travelled(false)),
        ];
        let mut other_key = question("4155550001", "1.1", travelled(false));
        other_key.access_key_id = Some(Uuid::from_u128(9));
        let mut other_tenant = question("4155550001", "1.1", travelled(false));
        other_tenant.customer_id = Uuid::from_u128(9);
        others.extend([other_key, other_tenant]);
        for other in others {
            assert_ne!(key_of(&own).bytes, key_of(&other).bytes);
        }
    }

    #[test]
    fn a_key_that_the_caller_chose_goes_first() {
        let chosen = RequestKey {
            key: [9; 16],
            is_chosen: true,
            replays: true,
        };
        assert_eq!(
            key_of(&question("4155550001", "1.1", chosen)).bytes,
            [9; 16]
        );
    }
}
