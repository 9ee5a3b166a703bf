//! The verdict: one pure function of what is known about a call.

use std::time::Duration;

use bin_common_handler::{models::time::Timestamp, text_enum};
use chrono_tz::Tz;

use super::{
    hours,
    place::{Address, Place, places},
    rules::{Layer, in_force},
};
use crate::choice::place::Code;

const DAY: Duration = Duration::from_secs(86_400);
/// Oldest copy of the national list, 16 CFR 310.4(b)(3)(iv).
const LIST_AGE_MAX: Duration = Duration::from_secs(31 * 86_400);
/// Months that a purchase makes a business relationship, 47 CFR 64.1200(f)(5).
const PURCHASE_MONTHS: u32 = 18;
/// Months that an inquiry does.
const INQUIRY_MONTHS: u32 = 3;
/// Hours and limits are looked at in turn until both allow; each step leaves one of them behind.
const STEPS_MAX: usize = 64;

const HOURS_CITATION: &str = "47 CFR 64.1200(c)(1)";
const FEDERAL_LIST_CITATION: &str = "47 CFR 64.1200(c)(2)";
const OWN_LIST_CITATION: &str = "47 CFR 64.1200(d)";
const OPT_OUT_CITATION: &str = "47 CFR 64.1200(a)(10), (d)";
const LIST_AGE_CITATION: &str = "16 CFR 310.4(b)(3)(iv)";

text_enum!(
    /// What a call is for.
    pub enum Purpose {
        /// To sell something: a solicitation.
        Marketing = "marketing",
        /// About what the person has bought.
        Service = "service",
        /// About money that the person owes.
        Debt = "debt",
        /// Health or safety is at stake.
        Emergency = "emergency",
    }
);

text_enum!(
    /// What somebody did that makes a business relationship.
    pub enum RelationshipKind {
        /// The person bought something: 18 months.
        Purchase = "purchase",
        /// The person asked about something: 3 months.
        Inquiry = "inquiry",
    }
);

text_enum!(
    /// Why a call is not allowed.
    pub enum Reason {
        /// The person told the customer to stop.
        OptedOut = "OPTED_OUT",
        /// Outside the hours of a place where the person may be.
        CallingHours = "CALLING_HOURS",
        /// The person does not want to be called.
        OnDncList = "ON_DNC_LIST",
        /// The copy of the national list is too old, or there is none.
        DncListStale = "DNC_LIST_STALE",
        /// The person has not agreed.
        ConsentRequired = "CONSENT_REQUIRED",
        /// Too many calls in 24 hours.
        MaxAttempts = "MAX_ATTEMPTS",
        /// Nobody knows what time it is there.
        TimezoneUnknown = "TIMEZONE_UNKNOWN",
    }
);

/// An agreement that is active now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consent {
    /// In writing, by hand or electronically.
    pub is_written: bool,
}

/// A business relationship.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relationship {
    /// What made it.
    pub kind: RelationshipKind,
    /// When.
    pub tm: Timestamp,
}

/// The lists that the number stands on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The person told the customer to stop, and did not start again.
    pub opted_out: bool,
    /// The national list.
    pub federal: bool,
    /// Lists of these states.
    pub states: Vec<Code>,
    /// The person told the customer.
    pub internal: bool,
    /// Who sues.
    pub litigation: bool,
    /// A list of the customer's own making.
    pub custom: bool,
    /// When the copy of the national list was imported; none = there is no copy.
    pub federal_imported: Option<Timestamp>,
}

/// What is known about a call.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// E.164 of the person.
    pub number: &'a str,
    /// Where else the person may be.
    pub address: Address<'a>,
    /// When the call is to be placed.
    pub at: Timestamp,
    /// The person calls in.
    pub is_inbound: bool,
    /// What it is for.
    pub purpose: Purpose,
    /// Calls that were placed before, in order of time.
    pub attempts: &'a [Timestamp],
    /// Lists.
    pub listed: &'a Listed,
    /// The person's agreement to calls of this purpose.
    pub consent: Option<Consent>,
    /// The campaign calls nobody without it.
    pub requires_consent: bool,
    /// Relationships of any age.
    pub relationships: &'a [Relationship],
    /// The customer's own rules.
    pub own_rules: &'a [Layer],
}

/// What the law says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the call may be placed.
    pub allowed: bool,
    /// Why not.
    pub rule: Option<Reason>,
    /// By which law, or whose list.
    pub citation: Option<String>,
    /// When it may be placed, where that is only a matter of time.
    pub next_allowed: Option<Timestamp>,
    /// Zones where the person may be; empty = not known.
    pub zones: Vec<Tz>,
    /// States where the person may be.
    pub states: Vec<Code>,
    /// Calls placed in the 24 hours before.
    pub attempts_24h: u32,
    /// Calls allowed in 24 hours.
    pub max_per_24h: Option<u32>,
    /// A business relationship holds.
    pub has_relationship: bool,
}

struct Refusal {
    rule: Reason,
    citation: String,
}

fn refuse(rule: Reason, citation: impl Into<String>) -> Option<Refusal> {
    Some(Refusal {
        rule,
        citation: citation.into(),
    })
}

/// Whether a call may be placed.
pub fn check(facts: &Facts<'_>) -> Verdict {
    let places = places(facts.number, facts.address);
    let limit = limit_at(facts, places.as_deref().unwrap_or_default(), facts.at);
    let refusal = if facts.is_inbound {
        None
    } else {
        first_refusal(facts, places.as_deref(), limit)
    };
    let is_temporary = refusal
        .as_ref()
        .is_some_and(|refusal| matches!(refusal.rule, Reason::CallingHours | Reason::MaxAttempts));
    let next_allowed = match &places {
        Some(places) if is_temporary => next_allowed(facts, places),
        _ => None,
    };
    let (zones, states) = told(places.as_deref().unwrap_or_default());
    let (rule, citation) = refusal.map_or((None, None), |refusal| {
        (Some(refusal.rule), Some(refusal.citation))
    });
    Verdict {
        allowed: rule.is_none(),
        rule,
        citation,
        next_allowed,
        zones,
        states,
        attempts_24h: within_a_day(facts.attempts, facts.at),
        max_per_24h: limit.map(|(max, _)| max),
        has_relationship: has_relationship(facts),
    }
}

fn told(places: &[Place]) -> (Vec<Tz>, Vec<Code>) {
    let (mut zones, mut states) = (Vec::with_capacity(places.len()), Vec::new());
    for place in places {
        if !zones.contains(&place.zone) {
            zones.push(place.zone);
        }
        if let Some(state) = place.state
            && !states.contains(&state)
        {
            states.push(state);
        }
    }
    (zones, states)
}

fn first_refusal(
    facts: &Facts<'_>,
    places: Option<&[Place]>,
    limit: Option<(u32, &Layer)>,
) -> Option<Refusal> {
    opted_out(facts)
        .or_else(|| never_lifted(facts.listed))
        .or_else(|| consent_missing(facts))
        .or_else(|| {
            // Only solicitations have lists, hours and limits.
            if facts.purpose != Purpose::Marketing {
                return None;
            }
            let Some(places) = places else {
                return on_list(facts, &[])
                    .or_else(|| refuse(Reason::TimezoneUnknown, HOURS_CITATION));
            };
            on_list(facts, places)
                .or_else(|| closed(facts, places))
                .or_else(|| too_many(facts, limit))
        })
}

/// A word to stop holds for everything but an emergency, whatever was agreed before: only the person takes it back.
fn opted_out(facts: &Facts<'_>) -> Option<Refusal> {
    if facts.listed.opted_out && facts.purpose != Purpose::Emergency {
        return refuse(Reason::OptedOut, OPT_OUT_CITATION);
    }
    None
}

/// Lists that no consent and no purpose lifts.
fn never_lifted(listed: &Listed) -> Option<Refusal> {
    if listed.litigation {
        return refuse(Reason::OnDncList, "list: litigation");
    }
    if listed.internal {
        return refuse(Reason::OnDncList, OWN_LIST_CITATION);
    }
    if listed.custom {
        return refuse(Reason::OnDncList, "list: custom");
    }
    None
}

fn consent_missing(facts: &Facts<'_>) -> Option<Refusal> {
    let is_required = facts.requires_consent && facts.purpose != Purpose::Emergency;
    if is_required && facts.consent.is_none() {
        return refuse(Reason::ConsentRequired, "call campaign: require_consent");
    }
    None
}

fn on_list(facts: &Facts<'_>, places: &[Place]) -> Option<Refusal> {
    if facts.consent.is_some_and(|consent| consent.is_written) {
        return None;
    }
    let listed = facts.listed;
    let has_relationship = has_relationship(facts);
    if listed.federal && !has_relationship {
        return refuse(Reason::OnDncList, FEDERAL_LIST_CITATION);
    }
    let lifts = |state: Code| has_relationship && relationship_lifts(facts, places, state);
    if let Some(state) = listed.states.iter().find(|state| !lifts(**state)) {
        return refuse(Reason::OnDncList, format!("do-not-call list of {state}"));
    }
    let oldest = facts.at.minus(LIST_AGE_MAX);
    if listed
        .federal_imported
        .is_none_or(|imported| imported < oldest)
    {
        return refuse(Reason::DncListStale, LIST_AGE_CITATION);
    }
    None
}

/// Whether a state's own row says that a relationship lifts its list.
fn relationship_lifts(facts: &Facts<'_>, places: &[Place], state: Code) -> bool {
    let zone = places.first().map_or(Tz::UTC, |place| place.zone);
    let (date, _) = hours::local(zone, facts.at);
    in_force(&[], Some(state), date).any(|layer| layer.state == Some(state) && layer.relationship)
}

fn has_relationship(facts: &Facts<'_>) -> bool {
    facts.relationships.iter().any(|relationship| {
        let months = match relationship.kind {
            RelationshipKind::Purchase => PURCHASE_MONTHS,
            RelationshipKind::Inquiry => INQUIRY_MONTHS,
            RelationshipKind::Other(_) => return false,
        };
        let begins = relationship.tm.micros();
        let ends = chrono::DateTime::from_timestamp_micros(begins)
            .and_then(|begins| begins.checked_add_months(chrono::Months::new(months)));
        let now = facts.at.micros();
        begins <= now && ends.is_some_and(|ends| now < ends.timestamp_micros())
    })
}

fn closed(facts: &Facts<'_>, places: &[Place]) -> Option<Refusal> {
    let layer = places
        .iter()
        .find_map(|place| hours::closed_by(*place, facts.own_rules, facts.at))?;
    refuse(Reason::CallingHours, layer.citation.clone())
}

fn too_many(facts: &Facts<'_>, limit: Option<(u32, &Layer)>) -> Option<Refusal> {
    let (max, layer) = limit?;
    if within_a_day(facts.attempts, facts.at) < max {
        return None;
    }
    refuse(Reason::MaxAttempts, layer.citation.clone())
}

/// The least number of calls that any rule allows there in 24 hours.
fn limit_at<'l>(facts: &Facts<'l>, places: &[Place], at: Timestamp) -> Option<(u32, &'l Layer)> {
    let limits = places.iter().flat_map(|place| {
        let (date, _) = hours::local(place.zone, at);
        in_force(facts.own_rules, place.state, date)
            .filter_map(|layer| Some((layer.max_per_24h?, layer)))
    });
    limits.min_by_key(|(max, _)| *max)
}

/// Calls of the 24 hours before `at`; one of exactly 24 hours ago is over.
fn within_a_day(attempts: &[Timestamp], at: Timestamp) -> u32 {
    let since = at.minus(DAY);
    let count = attempts
        .iter()
        .filter(|attempt| **attempt > since && **attempt <= at)
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The first instant at which every place is open and no limit is reached.
fn next_allowed(facts: &Facts<'_>, places: &[Place]) -> Option<Timestamp> {
    let mut at = facts.at;
    for _ in 0..STEPS_MAX {
        let mut next = at;
        for place in places {
            next = next.max(hours::next_open(*place, facts.own_rules, next)?);
        }
        if let Some((max, _)) = limit_at(facts, places, next)
            && within_a_day(facts.attempts, next) >= max
        {
            next = next.max(falls_below(facts.attempts, next, max)?);
        }
        if next == at {
            return Some(at);
        }
        at = next;
    }
    None
}

/// When fewer than `max` of the calls are of the last 24 hours.
fn falls_below(attempts: &[Timestamp], at: Timestamp, max: u32) -> Option<Timestamp> {
    let counted: Vec<Timestamp> = attempts
        .iter()
        .copied()
        .filter(|call| *call <= at)
        .collect();
    let over = counted.len().checked_sub(usize::try_from(max).ok()?)?;
    counted.get(over).map(|call| call.plus(DAY))
}
