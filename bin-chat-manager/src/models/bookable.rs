//! A bookable resource: a person or a van, with a calendar of its own.

use super::notification::mail_address;
use bin_common_handler::{
    Resource,
    models::{
        error::Result,
        hours::Hours,
        text::{NAME_MAX, check_shown},
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// Longest rest around an appointment, in minutes.
const BUFFER_MAX: i32 = 8 * 60;

/// Who, or what, does the work.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "resource", table = "chat_resources", check = check)]
#[schemars(rename = "BookableResource")]
pub struct Bookable {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// What it is called.
    #[resource(set, filter, not_blank, max_chars = NAME_MAX)]
    pub name: String,
    /// Rest before and after each appointment, in minutes: 0 to 480.
    #[resource(set, min = 0, max = BUFFER_MAX)]
    pub buffer_minutes: i32,
    /// Where invitations to its appointments go, as its own calendar reads them; empty for nowhere.
    #[resource(set, check = mail_address)]
    pub email: String,
    /// When it works, within the business's own hours; empty = whenever the business is open.
    #[schemars(with = "Hours")]
    #[resource(set)]
    pub hours: Json<Hours>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Bookable {
    /// Rest before and after each appointment.
    pub fn buffer(&self) -> std::time::Duration {
        std::time::Duration::from_secs(u64::from(self.buffer_minutes.max(0).unsigned_abs()) * 60)
    }
}

fn check(after: &mut Bookable, before: Option<&Bookable>, _: Timestamp) -> Result<()> {
    if before.is_none_or(|before| before.name != after.name) {
        check_shown("name", &after.name)?;
    }
    Ok(())
}
