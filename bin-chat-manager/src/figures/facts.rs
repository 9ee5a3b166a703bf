//! Facts: one for each thing that is counted, made of the newest event about it. However often an event comes, and in
//! whatever order, the facts are the same.

use bin_common_handler::{
    models::{text::null_is_default, time::Timestamp},
    text_enum,
};
use serde::Deserialize;
use uuid::Uuid;

/// What the cause of a greeting begins with; the call's id follows.
const GREETING: &str = "greet:";
/// Longest label that is kept, in bytes.
const LABEL_MAX: usize = 64;

text_enum!(
    /// What is counted.
    pub enum FactKind {
        /// A call that nobody took.
        Missed = "missed",
        /// A call that somebody took.
        Answered = "answered",
        /// A conversation.
        Conversation = "conversation",
        /// The first text after a missed call, by the call's id.
        Greeted = "greeted",
        /// A text, by who says it.
        Text = "text",
        /// An appointment, by its status; its value is its price.
        Appointment = "appointment",
        /// Somebody who wants no texts.
        OptOut = "opt_out",
    }
);

/// Something that is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What.
    pub kind: FactKind,
    /// Of which entity; there is one for each kind and entity.
    pub entity_id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The conversation that it belongs to; nil for none.
    pub parent_id: Uuid,
    /// Its status, or who says it.
    pub label: String,
    /// Money, in minor units of `currency`; 0 for none.
    pub value: i64,
    /// ISO 4217; empty for no money.
    pub currency: String,
    /// When it was.
    pub tm_at: Timestamp,
    /// That of the entity; a fact of an older one is not written over a newer one.
    pub version: i64,
    /// Whether it counts; one that does not is kept so that an older event does not bring it back.
    pub counts: bool,
}

impl Fact {
    fn new(
        kind: FactKind,
        entity_id: Uuid,
        customer_id: Uuid,
        tm_at: Timestamp,
        version: i64,
    ) -> Self {
        Self {
            kind,
            entity_id,
            customer_id,
            parent_id: Uuid::nil(),
            label: String::new(),
            value: 0,
            currency: String::new(),
            tm_at,
            version,
            counts: !customer_id.is_nil() && !tm_at.is_unset(),
        }
    }

    fn labelled(mut self, label: &str) -> Self {
        let end = label.floor_char_boundary(LABEL_MAX);
        self.label = label.get(..end).unwrap_or_default().to_owned();
        self
    }
}

/// What an event of a call says.
#[derive(Debug, Deserialize)]
pub struct CallEvent {
    call_id: Uuid,
    customer_id: Uuid,
    #[serde(default)]
    tm_ended: Option<Timestamp>,
}

impl CallEvent {
    /// Its fact.
    pub fn fact(&self, kind: FactKind, version: i64) -> Fact {
        let at = self.tm_ended.unwrap_or(Timestamp::UNSET);
        Fact::new(kind, self.call_id, self.customer_id, at, version)
    }
}

/// What an event of a conversation, a message, an appointment or an opt-out says; each has some of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct EntityEvent {
    id: Uuid,
    customer_id: Uuid,
    conversation_id: Uuid,
    #[serde(deserialize_with = "null_is_default")]
    status: String,
    #[serde(deserialize_with = "null_is_default")]
    sender: String,
    #[serde(deserialize_with = "null_is_default")]
    kind: String,
    #[serde(deserialize_with = "null_is_default")]
    cause_key: String,
    opted_out: bool,
    price_cents: i64,
    #[serde(deserialize_with = "null_is_default")]
    currency: String,
    tm_create: Option<Timestamp>,
    tm_sent: Option<Timestamp>,
    tm_opted_out: Option<Timestamp>,
}

impl EntityEvent {
    fn fact(&self, kind: FactKind, version: i64) -> Fact {
        let at = self.tm_create.unwrap_or(Timestamp::UNSET);
        Fact {
            parent_id: self.conversation_id,
            ..Fact::new(kind, self.id, self.customer_id, at, version)
        }
    }

    /// That of a conversation.
    pub fn conversation(&self, version: i64) -> Fact {
        let fact = self.fact(FactKind::Conversation, version);
        fact.labelled(&self.status)
    }

    /// Those of a message: a text, and where it greets somebody who called, the first answer to that call. What nobody but
    /// the business's own people saw is none.
    pub fn message(&self, version: i64) -> Vec<Fact> {
        let mut text = self.fact(FactKind::Text, version).labelled(&self.sender);
        text.counts &= self.kind != "note" && !matches!(&*self.status, "discarded" | "failed");
        let greeted = self.greeted(version);
        std::iter::once(text).chain(greeted).collect()
    }

    fn greeted(&self, version: i64) -> Option<Fact> {
        let call_id = self.cause_key.strip_prefix(GREETING)?.parse().ok()?;
        let mut fact = self.fact(FactKind::Greeted, version);
        fact.entity_id = call_id;
        fact.tm_at = self.tm_sent?;
        Some(fact)
    }

    /// That of an appointment.
    pub fn appointment(&self, version: i64) -> Fact {
        let mut fact = self
            .fact(FactKind::Appointment, version)
            .labelled(&self.status);
        fact.value = self.price_cents;
        self.currency.clone_into(&mut fact.currency);
        fact
    }

    /// That of somebody's wish for silence; each time that they say so is one of its own, which no later wish takes away.
    pub fn optout(&self, version: i64) -> Option<Fact> {
        let at = self.tm_opted_out.or(self.tm_create)?;
        let mut fact = self.fact(FactKind::OptOut, version);
        fact.entity_id =
            Uuid::from_u128(self.id.as_u128() ^ u128::from(at.micros().unsigned_abs()));
        fact.tm_at = at;
        self.opted_out.then_some(fact)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::*;

    const CALL: Uuid = Uuid::from_u128(5);

    fn message(more: Json) -> Vec<Fact> {
        let mut event = json!({
            "id": Uuid::from_u128(1), "customer_id": Uuid::from_u128(7), "conversation_id": Uuid::from_u128(2),
            "sender": "system", "status": "sent", "tm_create": "2026-11-20T10:00:00Z", "cause_key": null,
        });
        event
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let event: EntityEvent = serde_json::from_value(event).unwrap();
        event.message(9)
    }

    #[rstest]
    #[case::plain(json!({}), &["text"])]
    #[case::greeting(json!({"cause_key": format!("greet:{CALL}"), "tm_sent": "2026-11-20T10:00:03Z"}), &["text", "greeted"])]
    #[case::not_sent_yet(json!({"cause_key": format!("greet:{CALL}"), "tm_sent": null}), &["text"])]
    #[case::no_call(json!({"cause_key": "greet:me", "tm_sent": "2026-11-20T10:00:03Z"}), &["text"])]
    fn a_message_is_a_text_and_perhaps_a_first_answer(
        #[case] more: Json,
        #[case] expected: &[&str],
    ) {
        let kinds: Vec<_> = message(more)
            .iter()
            .map(|fact| fact.kind.as_str())
            .collect();
        assert_eq!(kinds, expected);
    }

    #[test]
    fn what_was_never_said_does_not_count() {
        for unsaid in [
            json!({"status": "discarded"}),
            json!({"status": "failed", "sender": "human"}),
            json!({"status": "received", "sender": "human", "kind": "note"}),
        ] {
            let facts = message(unsaid);
            assert!(facts.iter().all(|fact| !fact.counts), "{facts:?}");
        }
        assert!(message(json!({"kind": "text"}))[0].counts);
    }

    fn wish(opted_out: bool, at: Option<&str>) -> Option<Fact> {
        let event: EntityEvent = serde_json::from_value(json!({
            "id": CALL, "customer_id": CALL, "opted_out": opted_out, "tm_opted_out": at,
            "tm_create": "2026-11-20T10:00:00Z",
        }))
        .unwrap();
        event.optout(1)
    }

    #[test]
    fn each_opt_out_counts_and_no_later_wish_takes_it_away() {
        assert_eq!(wish(false, None), None);
        let first = wish(true, Some("2026-11-21T10:00:00Z")).unwrap();
        let second = wish(true, Some("2026-11-22T10:00:00Z")).unwrap();
        assert!(first.counts && second.counts);
        assert_ne!(first.entity_id, second.entity_id);
        assert_eq!(Some(first), wish(true, Some("2026-11-21T10:00:00Z")));
    }
}
