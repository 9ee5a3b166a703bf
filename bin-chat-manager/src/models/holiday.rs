//! A holiday: a date on which the business is closed.

use bin_common_handler::{
    Resource,
    models::{check::wrong, error::Result, text::NAME_MAX, time::Timestamp},
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A day off for everybody.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "holiday", table = "chat_holidays", check = check)]
pub struct Holiday {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// `YYYY-MM-DD`, as the business's calendar has it.
    #[resource(set, filter)]
    pub date: String,
    /// What is celebrated.
    #[resource(set, max_chars = NAME_MAX)]
    pub name: String,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

fn check(holiday: &mut Holiday, _: Option<&Holiday>, _: Timestamp) -> Result<()> {
    let date: NaiveDate = holiday
        .date
        .parse()
        .map_err(|_| wrong("date", "must be a date such as 2026-12-25"))?;
    // One form for each: the parser takes `2026-1-5`, too.
    holiday.date = date.format("%Y-%m-%d").to_string();
    Ok(())
}
