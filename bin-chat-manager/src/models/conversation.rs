//! A conversation: one person, one channel, one business.

use bin_common_handler::{Resource, models::time::Timestamp, subjects::PSEUDONYM, text_enum};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{models::slot::Slot, words::intake::Findings};

/// Announced when it was made.
pub const CREATED: &str = "conversation_created";
/// Announced when it changed.
pub const UPDATED: &str = "conversation_updated";
/// Announced when it ended.
pub const CLOSED: &str = "conversation_closed";

/// Calls that one conversation names, the newest.
const CALLS_MAX: usize = 50;

text_enum!(
    /// Where a conversation stands.
    pub enum ConversationStatus {
        /// The assistant or anybody answers.
        Open = "open",
        /// A person of the business has it.
        Human = "human",
        /// It ended.
        Closed = "closed",
        /// Nothing may be sent.
        Blocked = "blocked",
    }
);

text_enum!(
    /// By which way texts come and go.
    pub enum Channel {
        /// Texts of the telephone network.
        Sms = "sms",
        /// A widget on a web page.
        Web = "web",
        /// Mail.
        Email = "email",
        /// WhatsApp and the like.
        Whatsapp = "whatsapp",
    }
);

text_enum!(
    /// What the assistant does.
    pub enum AiState {
        /// Nothing.
        None = "none",
        /// It gives people time to answer.
        Waiting = "waiting",
        /// It answers.
        Active = "active",
    }
);

text_enum!(
    /// Why nothing may be sent. Each is lifted by its own cause only.
    pub enum BlockReason {
        /// The person wants no texts.
        OptedOut = "opted_out",
        /// The number's registration is not approved.
        CampaignPending = "campaign_pending",
        /// The business may not use the service.
        Suspended = "suspended",
    }
);

/// A conversation.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "conversation", table = "chat_conversations")]
pub struct Conversation {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// By which way texts come and go.
    pub channel: Channel,
    /// Who writes: E.164 for texts.
    #[resource(filter)]
    pub person: String,
    /// The business's own number, E.164.
    pub number: String,
    /// What the person is called; empty while unknown.
    pub person_name: String,
    /// Where it stands.
    #[resource(filter)]
    pub status: ConversationStatus,
    /// Why nothing may be sent: a set.
    #[schemars(with = "Vec<BlockReason>")]
    pub block_reasons: Json<Vec<BlockReason>>,
    /// A person of the business was asked for.
    pub needs_human: bool,
    /// What the assistant does.
    pub ai_state: AiState,
    /// Until when people have time to answer before the assistant does.
    pub window_ends: Option<Timestamp>,
    /// Who of the business has it; nil = the operator. Null for nobody.
    pub owner_id: Option<Uuid>,
    /// Moves on takeover, release, opt-out, block and close: a turn of before is never sent.
    pub fence: i64,
    /// The number of the last thing that all could see: message, edit, deletion, receipt, state.
    pub last_seq: i64,
    /// The number of the last change of a private note.
    pub last_note_seq: i64,
    /// The state that was told last.
    #[serde(skip)]
    pub told_state: String,
    /// The person's last message's number.
    pub inbound_seq: i64,
    /// Messages of the person up to this number are answered.
    pub answered_seq: i64,
    /// The turn that is being carried out.
    pub turn_id: Option<Uuid>,
    /// The conversation that this one goes on from.
    pub previous_id: Option<Uuid>,
    /// The lead that it is about.
    pub lead_id: Option<Uuid>,
    /// Missed calls that led to it, the newest 50.
    #[schemars(with = "Vec<Uuid>")]
    pub call_ids: Json<Vec<Uuid>>,
    /// What is known of the lead.
    #[schemars(with = "Findings")]
    pub findings: Json<Findings>,
    /// Times that the person was offered last, in the order of the text: "the second" is one of these.
    #[schemars(with = "Vec<Slot>")]
    pub offered_slots: Json<Vec<Slot>>,
    /// Who it is open with; null when it is closed. Unique, so there is one at a time.
    #[serde(skip)]
    pub open_key: Option<String>,
    /// When the person wrote last.
    pub tm_inbound: Option<Timestamp>,
    /// When anything was said last.
    pub tm_last_message: Option<Timestamp>,
    /// When it was closed.
    pub tm_closed: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is there.
    pub tm_delete: Option<Timestamp>,
}

impl Conversation {
    /// What tells an open conversation from others of the same tenant.
    pub fn key(channel: Channel, person: &str) -> String {
        format!("{channel}:{person}")
    }

    /// What everybody who takes part is told of where it stands, as one word.
    pub fn state(&self) -> String {
        let owner = self.owner_id.map(|id| id.to_string()).unwrap_or_default();
        format!("{}:{owner}:{}", self.status, u8::from(self.needs_human))
    }

    /// Whether it ended.
    pub const fn is_closed(&self) -> bool {
        self.tm_closed.is_some()
    }

    /// Whether whoever wrote was erased: a pseudonym stands for them, to which nothing can be sent.
    pub fn is_erased(&self) -> bool {
        self.person.starts_with(PSEUDONYM)
    }

    /// Whether nothing may be sent.
    pub fn is_blocked(&self) -> bool {
        !self.block_reasons.0.is_empty()
    }

    /// Whether the number itself may not send, whatever the person wishes: not even their opt-out is confirmed.
    pub fn is_number_blocked(&self) -> bool {
        let mut reasons = self.block_reasons.0.iter();
        reasons.any(|reason| *reason != BlockReason::OptedOut)
    }

    /// Whether the assistant may speak.
    pub fn is_assistants(&self) -> bool {
        !self.is_closed() && !self.is_blocked() && self.owner_id.is_none()
    }

    /// Whether the person waits for an answer.
    pub const fn is_unanswered(&self) -> bool {
        self.answered_seq < self.inbound_seq
    }

    /// Its status follows from what is the case.
    pub fn settle(&mut self) {
        self.status = if self.is_closed() {
            ConversationStatus::Closed
        } else if self.is_blocked() {
            ConversationStatus::Blocked
        } else if self.owner_id.is_some() {
            ConversationStatus::Human
        } else {
            ConversationStatus::Open
        };
    }

    /// Blocks it; false where it was for this reason.
    pub fn block(&mut self, reason: BlockReason) -> bool {
        if self.block_reasons.0.contains(&reason) {
            return false;
        }
        self.block_reasons.0.push(reason);
        self.interrupt();
        true
    }

    /// Lifts one reason; false where it was none.
    pub fn lift(&mut self, reason: BlockReason) -> bool {
        let before = self.block_reasons.0.len();
        self.block_reasons.0.retain(|held| *held != reason);
        self.block_reasons.0.len() < before
    }

    /// Whatever the assistant is about to say is said no more.
    pub fn interrupt(&mut self) {
        self.fence = self.fence.saturating_add(1);
        self.turn_id = None;
        self.ai_state = AiState::None;
        self.window_ends = None;
    }

    /// A missed call led to it.
    pub fn add_call(&mut self, call_id: Uuid) {
        let calls = &mut self.call_ids.0;
        if !calls.contains(&call_id) {
            calls.push(call_id);
        }
        let surplus = calls.len().saturating_sub(CALLS_MAX);
        calls.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::{BlockReason as B, ConversationStatus as S, *};

    #[test]
    fn each_reason_is_lifted_by_its_own_cause_only() {
        let mut conversation = Conversation::default();
        assert!(conversation.block(B::OptedOut) && conversation.block(B::CampaignPending));
        assert!(!conversation.block(B::OptedOut));
        assert_eq!(conversation.fence, 2);
        assert!(conversation.lift(B::CampaignPending));
        conversation.settle();
        assert_eq!(conversation.status, S::Blocked);
        assert!(conversation.lift(B::OptedOut) && !conversation.lift(B::OptedOut));
        conversation.owner_id = Some(Uuid::nil());
        conversation.settle();
        assert_eq!(conversation.status, S::Human, "who had it still has it");
    }

    #[test]
    fn only_the_newest_calls_are_kept() {
        let mut conversation = Conversation::default();
        for call in 0..60 {
            conversation.add_call(Uuid::from_u128(call));
            conversation.add_call(Uuid::from_u128(call));
        }
        let calls = conversation.call_ids.0;
        assert_eq!(calls.len(), CALLS_MAX);
        assert_eq!(calls.last(), Some(&Uuid::from_u128(59)));
    }
}
