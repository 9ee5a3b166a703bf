//! The result of a call: one form for whoever tells it, and what is kept when its call is not known.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{customer::OUTCOMES, verdict::Verdict};
use crate::phone::E164;

text_enum!(
    /// Who tells of a call.
    pub enum Source {
        /// The report script at hang-up.
        Report = "report",
        /// What polls the dialer's call log.
        Log = "log",
        /// The later report script, from the hang-up extension.
        Hangup = "hangup",
        /// Older scripts.
        Older = "older",
        /// The dialer, when an agent has disposed of a call.
        Dispo = "dispo",
        /// The dialer, when a call ended without an agent.
        NoAgent = "no_agent",
        /// A hang-up script that asked for a number in the place of a report.
        Next = "next",
    }
);

/// What was told about one call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// Who told it.
    pub source: Source,
    /// The dialer's ids of the call, the most telling one first; at most three.
    pub call_ids: Vec<String>,
    /// The dialer's name for the whole call; empty = not told.
    pub call_id: String,
    /// The person called.
    pub person: Option<E164>,
    /// Whether it says who was called, be it in a form that cannot be read.
    pub tells_person: bool,
    /// Our number, where it was told.
    pub did: Option<E164>,
    /// The dialer's id of the campaign.
    pub campaign: String,
    /// The dialer's id of the lead.
    pub lead_id: String,
    /// What became of the call, where the words for it are known.
    pub verdict: Option<Verdict>,
    /// The disposition as the dialer said it.
    pub disposition: String,
    /// The word that stands in for a missing disposition.
    pub word: String,
    /// The network refused the call because of its caller (SIP 603, 607, 608).
    pub is_blocked: bool,
    /// Length of the call, in seconds, 0 to 86,400.
    pub duration_seconds: Option<i32>,
    /// About when the call began.
    pub tm_call: Option<Timestamp>,
}

impl CallResult {
    /// Nothing told yet.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            call_ids: Vec::new(),
            call_id: String::new(),
            person: None,
            tells_person: false,
            did: None,
            campaign: String::new(),
            lead_id: String::new(),
            verdict: None,
            disposition: String::new(),
            word: String::new(),
            is_blocked: false,
            duration_seconds: None,
            tm_call: None,
        }
    }

    /// Whether its name for the whole call belongs to that call only, whoever is said to have been called.
    pub fn names_one_call(&self) -> bool {
        is_name_of_vicidial(&self.call_id)
    }

    /// What it calls the way the call went: its disposition, else the word that it has for it.
    pub fn said(&self) -> &str {
        if self.disposition.is_empty() {
            &self.word
        } else {
            &self.disposition
        }
    }
}

/// Whether it is a name of a call as VICIdial makes them, once each: a letter, the second of the year, the lead.
pub fn is_name_of_vicidial(call_id: &str) -> bool {
    let digits = call_id.strip_prefix(['V', 'M', 'Y', 'J']);
    digits.is_some_and(|digits| {
        digits.len() == 19 && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A result whose call was not found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, Entity)]
#[entity(table = "did_callresults")]
pub struct Unmatched {
    /// Its identifier.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// Who told it.
    pub source: Source,
    /// The dialer's id of the call.
    pub uniqueid: String,
    /// The person called: a keyed hash.
    #[serde(skip)]
    pub phone_hash: Option<Vec<u8>>,
    /// The last four digits of the person called.
    pub phone_last4: String,
    /// Our number; empty = not told.
    pub number: String,
    /// The dialer's id of the campaign.
    pub vicidial_campaign_id: String,
    /// The dialer's id of the lead.
    pub lead_id: String,
    /// What became of the call; empty = not known.
    pub outcome: String,
    /// As the dialer said it.
    pub disposition: String,
    /// Length of the call, in seconds.
    pub duration_seconds: i32,
    /// About when the call began.
    pub tm_call: Option<Timestamp>,
    /// When it was told.
    pub tm_create: Timestamp,
    /// The same: it does not change.
    pub tm_update: Timestamp,
}

/// What a list of unmatched results may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("source", FilterKind::OneOf(Source::WORDS)),
    ("number", FilterKind::Phone),
    ("vicidial_campaign_id", FilterKind::Text),
    ("phone_last4", FilterKind::Digits(4)),
    ("uniqueid", FilterKind::Text),
    ("lead_id", FilterKind::Text),
    ("outcome", FilterKind::OneOf(OUTCOMES)),
];
