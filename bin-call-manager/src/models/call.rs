//! A call: from its arrival to its end, with the buyers that were tried.

use std::collections::BTreeMap;

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{callcampaign::Conversion, callstatus::CallStatus};
use crate::compliance::Purpose;

/// Announced when it was made.
pub const CREATED: &str = "call_created";
/// Announced when it changed.
pub const UPDATED: &str = "call_updated";
/// Announced when a buyer won it.
pub const ROUTED: &str = "call_routed";
/// Announced when it ended.
pub const COMPLETED: &str = "call_completed";

text_enum!(
    /// Which way it goes.
    pub enum Direction {
        /// A person calls in.
        Inbound = "inbound",
        /// A person is called.
        Outbound = "outbound",
    }
);

text_enum!(
    /// Where it came from.
    pub enum Source {
        /// A request.
        Api = "api",
        /// A ping that was accepted.
        Ping = "ping",
        /// The SIP redirect server.
        Sip = "sip",
        /// A carrier's webhook.
        Twilio = "twilio",
    }
);

text_enum!(
    /// How a buyer's turn ended.
    pub enum Outcome {
        /// It did not answer, or its leg failed.
        NoAnswer = "no_answer",
        /// It was busy.
        Busy = "busy",
        /// It did not want the call when it was told that it won.
        Refused = "refused",
        /// It was answered.
        Answered = "answered",
    }
);

/// One buyer's turn that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Attempt {
    /// The buyer.
    pub buyer_id: Uuid,
    /// Its bid.
    pub bid_id: Uuid,
    /// What came of it.
    pub outcome: Outcome,
    /// When its turn ended.
    pub tm: Timestamp,
}

/// A call.
#[derive(
    Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_calls")]
pub struct Call {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant whose exchange it is sold in.
    pub customer_id: Uuid,
    /// The campaign under whose terms it is sold.
    pub call_campaign_id: Uuid,
    /// Which way it goes.
    pub direction: Direction,
    /// E.164 of who calls.
    pub from_number: String,
    /// E.164 of who is called.
    pub to_number: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Where it stands.
    pub status: CallStatus,
    /// The seller's account.
    pub seller_id: Uuid,
    /// The buyer that has it; null while there is none.
    pub buyer_id: Option<Uuid>,
    /// That buyer's bid.
    pub bid_id: Option<Uuid>,
    /// The auction in which it is sold.
    pub auction_id: Option<Uuid>,
    /// The ping that it was made of.
    pub ping_id: Option<Uuid>,
    /// What the buyer pays, in minor units.
    pub price: Option<i64>,
    /// What the seller gets, in minor units.
    pub payout: Option<i64>,
    /// ISO 4217 code of both.
    pub currency: String,
    /// Why it is where it is, e.g. `NO_BIDS_AVAILABLE`; empty while all is well.
    pub reason: String,
    /// The caller's own words about it.
    #[schemars(with = "BTreeMap<String, String>")]
    pub tags: Json<BTreeMap<String, String>>,
    /// ZIP of the person; empty = not known.
    pub zip: String,
    /// State of the person; empty = not known.
    pub state: String,
    /// Where it came from.
    pub source: Source,
    /// The carrier's id, unique by customer and source; null = none.
    pub reference: Option<String>,
    /// Where the buyer's phone is.
    pub destination: String,
    /// How long it lasted after the answer, in seconds.
    pub duration_seconds: i64,
    /// How the carrier says that it ended.
    pub hangup_cause: String,
    /// Whether it was worth its price; null = not decided yet.
    pub converted: Option<bool>,
    /// The terms of conversion under which it was won; null for calls won before they were kept.
    #[schemars(skip)]
    #[serde(skip)]
    pub conversion: Json<Option<Conversion>>,
    /// Buyers that had their turn in vain.
    #[schemars(with = "Vec<Attempt>")]
    pub attempts: Json<Vec<Attempt>>,
    /// When a buyer won it.
    pub tm_route: Option<Timestamp>,
    /// When the buyer answered.
    pub tm_answer: Option<Timestamp>,
    /// When it ended.
    pub tm_end: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("call_campaign_id", FilterKind::Uuid),
    ("seller_id", FilterKind::Uuid),
    ("buyer_id", FilterKind::Uuid),
    ("status", FilterKind::OneOf(CallStatus::WORDS)),
    ("from_number", FilterKind::Phone),
    ("to_number", FilterKind::Phone),
    ("reference", FilterKind::Text),
];

/// A carrier's id as it is kept and looked for: without the white space around it. For MariaDB "a" and "a " are one key, for
/// SQLite two.
pub fn reference_key(text: &str) -> &str {
    text.trim()
}

impl Call {
    /// The number of the person who is sold: who calls in, or who is called.
    pub fn person(&self) -> &str {
        match self.direction {
            Direction::Outbound => &self.to_number,
            _ => &self.from_number,
        }
    }
}
