//! A campaign: which numbers VICIdial's campaign calls with, how they are chosen, and when.

use bin_common_handler::{
    Resource,
    models::{error::Result, identity::uuid_or_nil, text::NAME_MAX, time::Timestamp},
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    check::{short, timezone},
    hours::Hours,
};

text_enum!(
    /// What a campaign gets when its own pool has no number to give.
    pub enum Fallback {
        /// Nothing.
        None = "none",
        /// A number of the customer's default pool.
        TenantPool = "tenant_pool",
    }
);

/// A campaign of a dialer.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "campaign", table = "did_campaigns", check = check)]
pub struct Campaign {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// A name for people, at most 255 characters.
    #[resource(set, filter, max_chars = NAME_MAX)]
    pub name: String,
    /// The dialer's own id of it, e.g. `SALES1`; unique among the customer's live campaigns.
    #[resource(set, filter, check = short, not_blank)]
    pub vicidial_campaign_id: String,
    /// Its pool; nil = the customer's default.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub didpool_id: Uuid,
    /// Its rotation rule; nil = the customer's, else least recently used.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set)]
    pub rule_id: Uuid,
    /// When it may call; empty = always.
    #[schemars(with = "Hours")]
    #[resource(set)]
    pub hours: Json<Hours>,
    /// The zone of its hours; empty = the customer's.
    #[resource(set)]
    pub timezone: String,
    /// What it gets when its own pool is used up.
    #[resource(set)]
    pub fallback: Fallback,
    /// Creation time, by the store's clock.
    pub tm_create: Timestamp,
    /// Time of the last change; also the version, so it only grows.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

fn check(campaign: &mut Campaign, _: Option<&Campaign>, _: Timestamp) -> Result<()> {
    if campaign.timezone.is_empty() {
        return Ok(());
    }
    timezone("timezone", &campaign.timezone).map(drop)
}
