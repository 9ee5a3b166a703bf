//! A catalog item: work that the business offers, how long it takes, and what it costs.

use bin_common_handler::{
    Resource,
    models::{check::short_list, error::Result, money::Currency, text::NAME_MAX, time::Timestamp},
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// Longest work, in minutes: a day.
pub const DURATION_MAX: i32 = 24 * 60;
/// How long work takes unless something else is said, in minutes.
const DURATION_DEFAULT: i32 = 60;
/// Highest price, in minor units.
pub const PRICE_MAX: i64 = 1_000_000_000_000;

/// Work that can be booked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "catalogitem", table = "chat_catalog_items", check = check)]
pub struct CatalogItem {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// What it is called, e.g. `Drain cleaning`.
    #[resource(set, filter, not_blank, max_chars = NAME_MAX)]
    pub name: String,
    /// What else people call it; at most 100, of 64 bytes each.
    #[schemars(with = "Vec<String>")]
    #[resource(set, check = check_aliases)]
    pub aliases: Json<Vec<String>>,
    /// How long it takes, in minutes: 5 to 1,440.
    #[resource(set, min = 5, max = DURATION_MAX)]
    pub duration_minutes: i32,
    /// What it costs outside any rate, in minor units of `currency`; from 0.
    #[resource(set, min = 0, max = PRICE_MAX)]
    pub price_cents: i64,
    /// ISO 4217; empty = USD.
    #[resource(set)]
    pub currency: String,
    /// Whether it is offered.
    #[resource(set)]
    pub active: bool,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Default for CatalogItem {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            name: String::new(),
            aliases: Json::default(),
            duration_minutes: DURATION_DEFAULT,
            price_cents: 0,
            currency: Currency::USD.to_string(),
            active: true,
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

fn check_aliases(field: &str, aliases: &Json<Vec<String>>) -> Result<()> {
    short_list(field, aliases)
}

fn check(item: &mut CatalogItem, _: Option<&CatalogItem>, _: Timestamp) -> Result<()> {
    if item.currency.is_empty() {
        item.currency = Currency::USD.to_string();
    }
    item.currency.parse::<Currency>().map(drop)
}

impl CatalogItem {
    /// Its name and what else it is called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let aliases = self.aliases.iter().map(String::as_str);
        std::iter::once(self.name.as_str()).chain(aliases)
    }
}
