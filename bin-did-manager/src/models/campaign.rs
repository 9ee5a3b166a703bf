//! A campaign: which numbers VICIdial's campaign calls with, how they are chosen, and when.

use bin_common_handler::{
    models::{
        error::Result,
        identity::uuid_or_nil,
        page::{Filter, FilterKind},
        text::check_name,
        time::Timestamp,
    },
    resource, text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    check::{ensure, short, timezone},
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Campaign {
    /// Its identifier.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// A name for people.
    pub name: String,
    /// The dialer's own id of it, e.g. `SALES1`; unique among the customer's live campaigns.
    pub vicidial_campaign_id: String,
    /// Its pool; nil = the customer's default.
    #[serde(deserialize_with = "uuid_or_nil")]
    pub didpool_id: Uuid,
    /// Its rotation rule; nil = the customer's, else least recently used.
    #[serde(deserialize_with = "uuid_or_nil")]
    pub rule_id: Uuid,
    /// When it may call; empty = always.
    #[schemars(with = "Hours")]
    pub hours: Json<Hours>,
    /// The zone of its hours; empty = the customer's.
    pub timezone: String,
    /// What it gets when its own pool is used up.
    pub fallback: Fallback,
    /// When it was made.
    pub tm_create: Timestamp,
    /// Its version.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

resource!(
    Campaign, "campaign", "did_campaigns",
    [
        id, customer_id, name, vicidial_campaign_id, didpool_id, rule_id, hours, timezone, fallback,
        tm_create, tm_update, tm_delete,
    ],
    fields: [name, vicidial_campaign_id, didpool_id, rule_id, hours, timezone, fallback],
    filters: FILTERS,
    check: check,
);

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("name", FilterKind::Text),
    ("vicidial_campaign_id", FilterKind::Text),
    ("didpool_id", FilterKind::Uuid),
    ("deleted", FilterKind::Deleted),
];

fn check(campaign: &mut Campaign, _: Option<&Campaign>, _: Timestamp) -> Result<()> {
    check_name("name", &campaign.name)?;
    short("vicidial_campaign_id", &campaign.vicidial_campaign_id)?;
    ensure(
        !campaign.vicidial_campaign_id.trim().is_empty(),
        "vicidial_campaign_id",
        "must not be empty",
    )?;
    if campaign.timezone.is_empty() {
        return Ok(());
    }
    timezone("timezone", &campaign.timezone).map(drop)
}
