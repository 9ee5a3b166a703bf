//! An entry of a queue: one conversation on its way to an agent, and with one.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// Announced when a conversation came to wait.
pub const CREATED: &str = "queueentry_created";
/// Announced when anything changed.
pub const UPDATED: &str = "queueentry_updated";
/// Announced when it waited for too long.
pub const TIMED_OUT: &str = "queueentry_timed_out";
/// Announced when a promise is about to be broken.
pub const SLA_WARNING: &str = "queueentry_sla_warning";
/// Announced when a promise was broken.
pub const SLA_BREACHED: &str = "queueentry_sla_breached";

text_enum!(
    /// Where an entry stands.
    pub enum EntryStatus {
        /// Nobody has it.
        Waiting = "waiting",
        /// An agent is asked.
        Offered = "offered",
        /// An agent has it.
        Assigned = "assigned",
        /// It is over.
        Ended = "ended",
    }
);

impl EntryStatus {
    /// Whether nobody has it yet.
    pub const fn waits(self) -> bool {
        matches!(self, Self::Waiting | Self::Offered)
    }
}

/// One conversation on its way to an agent, and with one.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "chat_queue_entries")]
pub struct QueueEntry {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The conversation; each has one entry at a time that has not ended.
    pub conversation_id: Uuid,
    /// The conversation until the entry ended. Unique.
    #[serde(skip)]
    pub live_id: Option<Uuid>,
    /// Where it waits; null where a supervisor assigned it past every queue.
    pub queue_id: Option<Uuid>,
    /// What its agent must be able to do.
    #[schemars(with = "Vec<String>")]
    pub skills: Json<Vec<String>>,
    /// 1 goes before 2.
    pub priority: i32,
    /// Where it stands.
    pub status: EntryStatus,
    /// Why it ended, e.g. `closed` or `timed_out`; empty before.
    pub reason: String,
    /// Who is asked, or has it.
    pub agent_id: Option<Uuid>,
    /// The offer that is pending.
    pub offer_id: Option<Uuid>,
    /// Who had this person's last conversation.
    pub last_agent_id: Option<Uuid>,
    /// Agents who let an offer of it lapse, declined one, or passed it on; the last 50.
    #[schemars(with = "Vec<Uuid>")]
    pub passed: Json<Vec<Uuid>>,
    /// How often it went on to an overflow queue.
    pub hops: i32,
    /// Since when it waits; kept when an agent is lost.
    pub waiting_since: Timestamp,
    /// When it has waited for too long; null while nobody waits.
    pub tm_timeout: Option<Timestamp>,
    /// When an agent got it.
    pub tm_assigned: Option<Timestamp>,
    /// Until when a human must have answered.
    pub tm_first_due: Option<Timestamp>,
    /// When a human answered first.
    pub tm_first_response: Option<Timestamp>,
    /// Until when a human must have answered what was written last; null when nothing is open.
    pub tm_next_due: Option<Timestamp>,
    /// Until when it must have ended.
    pub tm_resolution_due: Option<Timestamp>,
    /// Promises that were broken: `first_response`, `next_response`, `resolution`.
    #[schemars(with = "Vec<String>")]
    pub breaches: Json<Vec<String>>,
    /// When it ended.
    pub tm_ended: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}

/// Agents who are remembered to have passed.
const PASSED_MAX: usize = 50;

impl QueueEntry {
    /// This agent passed on it.
    pub fn pass(&mut self, agent_id: Uuid) {
        let passed = &mut self.passed.0;
        if !passed.contains(&agent_id) {
            passed.push(agent_id);
        }
        let surplus = passed.len().saturating_sub(PASSED_MAX);
        passed.drain(..surplus);
    }

    /// Whether it is over.
    pub fn has_ended(&self) -> bool {
        self.status == EntryStatus::Ended
    }
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("conversation_id", FilterKind::Uuid),
    ("queue_id", FilterKind::Uuid),
    ("agent_id", FilterKind::Uuid),
    ("status", FilterKind::OneOf(EntryStatus::WORDS)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_passed_is_remembered_once_and_not_for_ever() {
        let mut entry = QueueEntry::default();
        for agent in 0..60 {
            entry.pass(Uuid::from_u128(agent));
            entry.pass(Uuid::from_u128(agent));
        }
        assert_eq!(entry.passed.0.len(), PASSED_MAX);
        assert_eq!(entry.passed.0.last(), Some(&Uuid::from_u128(59)));
    }
}
