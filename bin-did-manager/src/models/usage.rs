//! A usage: one number given for one call, why it was, and what became of the call.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    customer::OUTCOMES,
    rotationrule::{Algorithm, Tier},
};

/// Why this number: stored with the usage, and told by a dry run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reason {
    /// How near it is to the person called.
    pub tier: Tier,
    /// How it was chosen among equals.
    pub algorithm: Algorithm,
    /// It is the number this person saw last.
    pub sticky: bool,
    /// It came from the customer's default pool because the campaign's own had none.
    pub fallback: bool,
    /// Numbers of the tier that could have been given.
    pub candidates: u32,
    /// Calls left today after this one; null = no cap.
    pub daily_left: Option<i32>,
    /// Calls left this hour after this one; null = no cap.
    pub hourly_left: Option<i32>,
    /// Nearer tiers that had nothing, and what excluded their numbers: reason → numbers.
    pub excluded: Vec<Excluded>,
}

/// Numbers of a pool that could not be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Excluded {
    /// daily_cap, hourly_cap, cooling or inactive.
    pub by: String,
    /// How many numbers.
    pub numbers: u32,
}

/// One number given for one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Entity)]
#[entity(table = "did_usages")]
pub struct Usage {
    /// Its identifier.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The number given.
    pub did_id: Uuid,
    /// The same, as it was.
    pub number: String,
    /// The campaign; nil = none.
    pub campaign_id: Uuid,
    /// The dialer's own id of it, as it was sent.
    pub vicidial_campaign_id: String,
    /// The pool it came from; nil = all the customer's numbers.
    pub didpool_id: Uuid,
    /// The person called: a keyed hash.
    #[serde(skip)]
    pub phone_hash: Option<Vec<u8>>,
    /// The last four digits of the person called.
    pub phone_last4: String,
    /// The area code of the person called.
    pub phone_npa: Option<i32>,
    /// The dialer's id of the call.
    pub uniqueid: String,
    /// The dialer's name for the whole call, which every leg of it and every report shares; VICIdial shows it in the
    /// name of the caller.
    pub call_id: String,
    /// The dialer's id of the lead.
    pub lead_id: String,
    /// Why this number.
    #[schemars(with = "Reason")]
    pub reason: Json<Reason>,
    /// What became of the call; empty = not known yet.
    pub outcome: String,
    /// As the dialer said it.
    pub disposition: String,
    /// Length of the call, in seconds.
    pub duration_seconds: i32,
    /// When the result came.
    pub tm_result: Option<Timestamp>,
    /// When the number was given, by the database's clock.
    pub tm_create: Timestamp,
    /// Its version.
    pub tm_update: Timestamp,
}

/// What became of a call was written into its usage, or is known better now.
pub const UPDATED: &str = "usage_updated";

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("did_id", FilterKind::Uuid),
    ("campaign_id", FilterKind::Uuid),
    ("didpool_id", FilterKind::Uuid),
    ("number", FilterKind::Phone),
    ("vicidial_campaign_id", FilterKind::Text),
    ("phone_last4", FilterKind::Digits(4)),
    ("uniqueid", FilterKind::Text),
    ("call_id", FilterKind::Text),
    ("lead_id", FilterKind::Text),
    ("outcome", FilterKind::OneOf(OUTCOMES)),
];
