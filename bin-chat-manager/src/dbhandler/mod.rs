//! SQL for this daemon's tables.

pub(crate) mod agents;
pub(crate) mod alerts;
pub(crate) mod attachments;
pub(crate) mod bookings;
pub(crate) mod buckets;
pub(crate) mod calendars;
pub(crate) mod contacts;
pub(crate) mod conversationevents;
pub(crate) mod conversations;
pub(crate) mod emailsubjects;
pub(crate) mod embeddings;
pub(crate) mod endpoints;
pub(crate) mod entries;
pub(crate) mod facts;
pub(crate) mod keys;
pub(crate) mod leads;
pub(crate) mod messages;
pub(crate) mod notifications;
pub(crate) mod presences;
pub(crate) mod retentions;
pub(crate) mod searches;
pub(crate) mod sessions;
pub(crate) mod sights;
pub(crate) mod subjects;
pub(crate) mod summaries;
pub(crate) mod tellings;
pub(crate) mod templates;
pub(crate) mod visitoremails;
pub(crate) mod watches;
pub(crate) mod webhooks;
pub(crate) mod widgets;

use bin_common_handler::databasehandler::{Dialect, Entity};

/// The beginning of an INSERT that leaves a row alone which is there already.
const fn insert_new(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "INSERT IGNORE",
        Dialect::Sqlite => "INSERT OR IGNORE",
    }
}

/// Every column of an entity's table.
fn select<E: Entity>() -> String {
    format!("SELECT {} FROM {}", E::COLUMNS.join(", "), E::TABLE)
}
