//! A canned response: words that agents send often.

use bin_common_handler::{
    Resource,
    models::{
        check::{not_blank, short},
        error::Result,
        text::check_said,
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest body, in bytes: as of a message.
const BODY_MAX: usize = 1_600;

/// Words that agents send often.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "cannedresponse", table = "chat_canned_responses", check = check)]
pub struct CannedResponse {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// What agents type for it, at most 64 bytes. There is one live response for each.
    #[resource(set, filter)]
    pub shortcut: String,
    /// The words, at most 1,600 bytes.
    #[resource(set, not_blank, max_bytes = BODY_MAX)]
    pub body: String,
    /// The shortcut while it is live. Unique.
    #[serde(skip)]
    #[schemars(skip)]
    pub live_shortcut: Option<String>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

fn check(response: &mut CannedResponse, _: Option<&CannedResponse>, _: Timestamp) -> Result<()> {
    check_said("body", &response.body)?;
    not_blank("shortcut", &response.shortcut)?;
    short("shortcut", &response.shortcut)
}
