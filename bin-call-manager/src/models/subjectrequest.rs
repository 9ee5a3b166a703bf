//! A person's request about the data of a number.

use bin_common_handler::{Entity, models::time::Timestamp, text_enum};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Announced when a number was erased: others follow.
pub const ERASED: &str = "subject_erased";

text_enum!(
    /// What is asked.
    pub enum SubjectKind {
        /// Everything that is known (GDPR, article 15).
        Access = "access",
        /// To be forgotten (GDPR, article 17).
        Erasure = "erasure",
    }
);

/// That somebody asked; the number is not in it.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_subject_requests")]
pub struct SubjectRequest {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// What was asked.
    pub kind: SubjectKind,
    /// What stands for an erased number: a keyed hash, under a key of the tenant.
    pub pseudonym: String,
    /// When.
    pub tm_create: Timestamp,
    /// The same: it does not change.
    pub tm_update: Timestamp,
}
