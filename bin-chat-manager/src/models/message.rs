//! A message: something said in a conversation, and what became of it on its way.

use bin_common_handler::{Entity, models::time::Timestamp, text_enum};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Announced when it was written.
pub const CREATED: &str = "message_created";
/// Announced when it changed.
pub const UPDATED: &str = "message_updated";
/// Longest body, in bytes: what a carrier takes as one message.
pub const BODY_MAX: usize = 1_600;
/// What the cause of an opt-out's confirmation begins with.
const CONFIRMATION: &str = "optout:";
/// What the causes of answers to HELP begin with.
const HELP: &str = "help:";
/// What the causes of safety texts begin with.
const EMERGENCY: &str = "emergency:";
/// What the causes of opt-in questions begin with.
const QUESTION: &str = "optin:";
/// What the cause of a greeting begins with.
pub(crate) const GREETING: &str = "greet:";

text_enum!(
    /// Which way it goes.
    pub enum Direction {
        /// From the person.
        Inbound = "inbound",
        /// To the person.
        Outbound = "outbound",
    }
);

text_enum!(
    /// Who says it.
    pub enum Sender {
        /// The person.
        Customer = "customer",
        /// The daemon by itself: greetings, safety texts.
        System = "system",
        /// The assistant.
        Ai = "ai",
        /// A person of the business.
        Human = "human",
    }
);

text_enum!(
    /// What it is.
    pub enum MessageKind {
        /// Words.
        Text = "text",
        /// A notice of the daemon.
        System = "system",
        /// For people of the business only.
        Note = "note",
        /// A file.
        Attachment = "attachment",
        /// An appointment.
        Appointment = "appointment",
    }
);

text_enum!(
    /// What became of it.
    pub enum MessageStatus {
        /// The provider has it.
        Accepted = "accepted",
        /// It waits.
        Queued = "queued",
        /// A request with it may be on its way.
        Sending = "sending",
        /// The next carrier has it.
        Sent = "sent",
        /// It was not sent.
        Failed = "failed",
        /// It did not arrive.
        Undelivered = "undelivered",
        /// It arrived.
        Delivered = "delivered",
        /// It was read.
        Read = "read",
        /// It may have been sent; nobody knows, and it is not sent again.
        Unknown = "unknown",
        /// It came from the person.
        Received = "received",
        /// The assistant's words that came too late; never sent.
        Discarded = "discarded",
    }
);

impl MessageStatus {
    /// Later ones are higher. Of two ends the better one counts, so that the order of callbacks does not.
    const fn rank(self) -> Option<u8> {
        Some(match self {
            Self::Accepted => 1,
            Self::Queued => 2,
            Self::Sending | Self::Unknown => 3,
            Self::Sent => 4,
            Self::Failed => 5,
            Self::Undelivered => 6,
            Self::Delivered => 7,
            Self::Read => 8,
            Self::Received | Self::Discarded | Self::Other(_) => return None,
        })
    }

    /// What it becomes when a provider reports `reported`: it only goes forward, whatever the order of reports.
    #[must_use]
    pub fn after(self, reported: Self) -> Self {
        match (self.rank(), reported.rank()) {
            // The provider has it: that is no longer unknown.
            (Some(_), Some(was)) if self == Self::Unknown && was <= 3 => Self::Sending,
            (Some(is), Some(was)) if was > is && reported != Self::Unknown => reported,
            _ => self,
        }
    }

    /// From the provider's own word.
    pub fn reported(word: &str) -> Option<Self> {
        match word {
            "scheduled" => Some(Self::Accepted),
            "canceled" => Some(Self::Failed),
            word => Self::parse(word)
                .filter(|status| status.rank().is_some() && *status != Self::Unknown),
        }
    }

    /// Whether those who take part in the conversation are told of it.
    pub const fn is_seen(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Undelivered | Self::Delivered | Self::Read
        )
    }

    /// Whether nothing more is waited for.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Sending)
    }
}

/// Something said in a conversation.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "chat_messages")]
pub struct Message {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The conversation.
    pub conversation_id: Uuid,
    /// Its number among all that happens in the conversation, from 1; 0 for a private note.
    pub seq: i64,
    /// Its number among what happens to private notes, from 1; 0 for everything else.
    pub note_seq: i64,
    /// What it is.
    pub kind: MessageKind,
    /// Which way it goes.
    pub direction: Direction,
    /// Who says it.
    pub sender: Sender,
    /// Who of the business says it.
    pub sender_id: Option<Uuid>,
    /// The words.
    pub body: String,
    /// What became of it.
    pub status: MessageStatus,
    /// What it is said for: there is one for each cause.
    pub cause_key: Option<String>,
    /// Segments that it is sent in; 0 where it is not.
    pub segments: i32,
    /// The appointment that it is about; null for all but the kind `appointment`.
    pub appointment_id: Option<Uuid>,
    /// Why it failed: the provider's code, or a word of ours; empty for nothing.
    pub error_code: String,
    /// The same for people.
    pub error_message: String,
    /// The conversation's fence when it was said.
    #[serde(skip)]
    pub fence: i64,
    /// The provider's id.
    #[serde(skip)]
    pub provider_sid: Option<String>,
    /// Requests that were made for it.
    #[serde(skip)]
    pub tries: i32,
    /// When the first of them was made.
    #[serde(skip)]
    pub tm_first_try: Option<Timestamp>,
    /// When the one was made whose answer is waited for.
    #[serde(skip)]
    pub tm_attempt: Option<Timestamp>,
    /// When the provider took it.
    pub tm_sent: Option<Timestamp>,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// When it was read.
    pub read_at: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is there.
    pub tm_delete: Option<Timestamp>,
}

impl Message {
    /// Whether the provider has it, and has yet to say what became of it.
    pub fn is_followed(&self) -> bool {
        let is_open = matches!(
            self.status,
            MessageStatus::Accepted
                | MessageStatus::Queued
                | MessageStatus::Sending
                | MessageStatus::Sent
        );
        is_open && self.provider_sid.is_some()
    }

    /// The id that the client gave it, where it came from one.
    pub fn client_message_id(&self) -> Option<&str> {
        let mut words = self.cause_key.as_deref()?.splitn(3, ':');
        let is_clients = matches!(words.next(), Some("human" | "visitor"));
        is_clients.then(|| words.nth(1)).flatten()
    }

    fn is_because_of(&self, kind: &str) -> bool {
        let cause = self.cause_key.as_deref();
        cause.is_some_and(|cause| cause.starts_with(kind))
    }

    /// Whether it confirms an opt-out: the one text that may follow one.
    pub fn is_confirmation(&self) -> bool {
        self.sender == Sender::System && self.is_because_of(CONFIRMATION)
    }

    /// Whether it greets whoever called in vain.
    pub fn is_greeting(&self) -> bool {
        self.sender == Sender::System && self.is_because_of(GREETING)
    }

    /// Whether it tells what to do in danger.
    pub fn is_safety(&self) -> bool {
        self.sender == Sender::System && self.is_because_of(EMERGENCY)
    }

    /// Whether it is our question whether somebody wants texts.
    pub fn is_question(&self) -> bool {
        self.sender == Sender::System && self.is_because_of(QUESTION)
    }

    /// The cause of the safety text for what came after an answer: the rules and the model say it once.
    pub fn emergency(conversation_id: Uuid, answered_seq: i64) -> String {
        format!("{EMERGENCY}{conversation_id}:{answered_seq}")
    }

    /// The cause of a question whether somebody wants texts.
    pub fn question(contact_id: Uuid, at: Timestamp) -> String {
        format!("{QUESTION}{contact_id}:{}", at.micros())
    }

    /// What the causes of answers to HELP of one person at one number begin with; the time in microseconds follows.
    pub fn help(contact_id: Uuid, number: &str) -> String {
        format!("{HELP}{contact_id}:{number}:")
    }

    /// The cause of the greeting for a call.
    pub fn greeting(call_id: Uuid) -> String {
        format!("{GREETING}{call_id}")
    }

    /// The cause of an opt-out's confirmation.
    pub fn confirmation(contact_id: Uuid, at: Timestamp) -> String {
        format!("{CONFIRMATION}{contact_id}:{}", at.micros())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::MessageStatus as S;

    const REPORTS: [S; 8] = [
        S::Accepted,
        S::Queued,
        S::Sending,
        S::Sent,
        S::Delivered,
        S::Undelivered,
        S::Failed,
        S::Read,
    ];

    #[rstest]
    #[case(S::Queued, S::Accepted, S::Queued)]
    #[case(S::Sending, S::Queued, S::Sending)]
    #[case(S::Sending, S::Sent, S::Sent)]
    #[case(S::Delivered, S::Sent, S::Delivered)]
    #[case(S::Delivered, S::Failed, S::Delivered)]
    #[case(S::Failed, S::Delivered, S::Delivered)]
    #[case(S::Delivered, S::Read, S::Read)]
    #[case(S::Unknown, S::Queued, S::Sending)]
    #[case(S::Unknown, S::Delivered, S::Delivered)]
    #[case(S::Received, S::Delivered, S::Received)]
    #[case(S::Discarded, S::Sent, S::Discarded)]
    fn a_status_only_moves_forward(#[case] is: S, #[case] reported: S, #[case] becomes: S) {
        assert_eq!(is.after(reported), becomes);
    }

    #[rstest]
    #[case("delivered", Some(S::Delivered))]
    #[case("canceled", Some(S::Failed))]
    #[case("received", None)]
    #[case("unknown", None)]
    #[case("whatever", None)]
    fn the_providers_words_are_read(#[case] word: &str, #[case] expected: Option<S>) {
        assert_eq!(S::reported(word), expected);
    }

    proptest! {
        #[test]
        fn every_order_of_callbacks_ends_alike(
            reports in prop::collection::vec(prop::sample::select(&REPORTS[..]), 1..8),
            order in any::<prop::sample::Index>(),
            start in prop::sample::select(vec![S::Queued, S::Sending, S::Unknown]),
        ) {
            let fold = |reports: &[S]| reports.iter().fold(start, |is, told| is.after(*told));
            let mut turned = reports.clone();
            turned.rotate_left(order.index(reports.len()));
            let mut reversed = turned.clone();
            reversed.reverse();
            prop_assert_eq!(fold(&reports), fold(&turned));
            prop_assert_eq!(fold(&reports), fold(&reversed));
        }

        #[test]
        fn no_callback_moves_it_back(is in prop::sample::select(&REPORTS[..]), told in prop::sample::select(&REPORTS[..])) {
            prop_assert!(is.after(told).rank() >= is.rank());
        }
    }

    #[test]
    fn every_permutation_of_four_callbacks_ends_delivered() {
        let reports = [S::Queued, S::Sending, S::Sent, S::Delivered];
        let mut count = 0;
        for a in 0..4 {
            for b in 0..4 {
                for c in 0..4 {
                    let d = 6_usize.wrapping_sub(a + b + c);
                    let order = [a, b, c, d];
                    let is_order = d < 4 && (0..4).all(|at| order.contains(&at));
                    if is_order {
                        let told = order
                            .iter()
                            .fold(S::Sending, |is, at| is.after(reports[*at]));
                        assert_eq!(told, S::Delivered);
                        count += 1;
                    }
                }
            }
        }
        assert_eq!(count, 24);
    }
}
