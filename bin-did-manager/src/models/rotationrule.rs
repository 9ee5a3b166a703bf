//! A rotation rule: how one number is chosen among those that may be used.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, in_range},
        error::Result,
        text::NAME_MAX,
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

const PRIORITY_MAX: i32 = 1_000_000;

text_enum!(
    /// How a number is chosen among equals.
    pub enum Algorithm {
        /// The one used longest ago.
        Lru = "lru",
        /// One after the other.
        RoundRobin = "round_robin",
        /// The one used least today.
        LeastUsed = "least_used",
        /// The one used least today for its weight.
        Weighted = "weighted",
        /// By chance, those that are answered more often more often (Thompson sampling).
        Performance = "performance",
        /// The one nearest to the person called, where both are known.
        Nearest = "nearest",
    }
);

text_enum!(
    /// How near a number is to the person called. Tried in order; each only when the one before is empty.
    pub enum Tier {
        /// Same area code and exchange.
        Exchange = "npa_nxx",
        /// Same area code.
        Npa = "npa",
        /// An area code of the same place, or beside it.
        Overlay = "overlay",
        /// Same state or province.
        State = "state",
        /// A state beside it.
        BorderingState = "bordering_state",
        /// Any.
        Any = "any",
    }
);

/// What an algorithm may be tuned by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "RotationParameters")]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// `performance`: answered calls that every number is taken to have had.
    pub prior_answered: f64,
    /// `performance`: unanswered calls that every number is taken to have had.
    pub prior_unanswered: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            prior_answered: 1.0,
            prior_unanswered: 9.0,
        }
    }
}

/// How numbers are chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "rotation_rule", table = "did_rotation_rules", check = check)]
pub struct RotationRule {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// A name for people, at most 255 characters.
    #[resource(set, filter, max_chars = NAME_MAX)]
    pub name: String,
    /// How a number is chosen among equals.
    #[resource(set, filter)]
    pub algorithm: Algorithm,
    /// Which tiers are tried, in order.
    #[schemars(with = "Vec<Tier>")]
    #[resource(set)]
    pub tiers: Json<Vec<Tier>>,
    /// A person sees the number again that they saw last, while it may be used.
    #[resource(set)]
    pub sticky: bool,
    /// What the algorithm is tuned by.
    #[schemars(with = "Parameters")]
    #[resource(set)]
    pub parameters: Json<Parameters>,
    /// Above 0 it also holds for campaigns that name no rule: the highest of those valid.
    #[resource(set, min = 0, max = PRIORITY_MAX)]
    pub priority: i32,
    /// Holds from then; null = always.
    #[resource(set)]
    pub valid_from: Option<Timestamp>,
    /// Holds until before then; null = for ever.
    #[resource(set)]
    pub valid_to: Option<Timestamp>,
    /// Creation time, by the store's clock.
    pub tm_create: Timestamp,
    /// Time of the last change; also the version, so it only grows.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

impl Default for RotationRule {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            name: String::new(),
            algorithm: Algorithm::Lru,
            tiers: Json(Tier::ALL.to_vec()),
            sticky: false,
            parameters: Json(Parameters::default()),
            priority: 0,
            valid_from: None,
            valid_to: None,
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

impl RotationRule {
    /// Whether it holds at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= now) && self.valid_to.is_none_or(|to| now < to)
    }
}

fn check(rule: &mut RotationRule, _: Option<&RotationRule>, _: Timestamp) -> Result<()> {
    let mut seen = Vec::new();
    for tier in &rule.tiers.0 {
        ensure(!seen.contains(tier), "tiers", "must not name a tier twice")?;
        seen.push(*tier);
    }
    ensure(!seen.is_empty(), "tiers", "must name at least one tier")?;
    let Parameters {
        prior_answered,
        prior_unanswered,
    } = rule.parameters.0;
    in_range("prior_answered", prior_answered, 0.001, 1e6)?;
    in_range("prior_unanswered", prior_unanswered, 0.001, 1e6)?;
    let ordered = rule
        .valid_from
        .zip(rule.valid_to)
        .is_none_or(|(from, to)| from < to);
    ensure(ordered, "valid_to", "must be after valid_from")
}
