//! An offer: an agent is asked whether they take a chat.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Announced when an agent is asked.
pub const CREATED: &str = "offer_created";
/// Announced when it was answered, or lapsed.
pub const UPDATED: &str = "offer_updated";

text_enum!(
    /// Where an offer stands.
    pub enum OfferStatus {
        /// The agent is asked.
        Pending = "pending",
        /// The agent has the chat.
        Accepted = "accepted",
        /// The agent does not want it.
        Declined = "declined",
        /// Nothing was said in time.
        Lapsed = "lapsed",
        /// The chat went elsewhere, or ended.
        Withdrawn = "withdrawn",
    }
);

/// An agent is asked whether they take a chat.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "chat_offers")]
pub struct Offer {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The queue's entry.
    pub entry_id: Uuid,
    /// The conversation.
    pub conversation_id: Uuid,
    /// The queue.
    pub queue_id: Option<Uuid>,
    /// Who is asked.
    pub agent_id: Uuid,
    /// The agent's user.
    pub user_id: Uuid,
    /// Where it stands.
    pub status: OfferStatus,
    /// Until when it may be accepted.
    pub expires_at: Timestamp,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("agent_id", FilterKind::Uuid),
    ("user_id", FilterKind::Uuid),
    ("queue_id", FilterKind::Uuid),
    ("conversation_id", FilterKind::Uuid),
    ("status", FilterKind::OneOf(OfferStatus::WORDS)),
];
