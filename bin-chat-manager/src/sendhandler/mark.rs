//! The last look before a request: fence, ledger, state, order and rate, under the locks that those who change them hold.
//! Only a message that is marked may leave.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{error::Result, time::Timestamp},
};

use super::{greeting, order, provider::DEADLINE};
use crate::{
    app::App,
    contacthandler,
    conversationhandler::say,
    dbhandler::buckets,
    models::{
        business::Business,
        contact::Contact,
        conversation::Conversation,
        message::{Message, MessageStatus, Sender},
        timers::SEND,
    },
};

/// What came of it.
pub(super) enum Marked {
    /// The request may be made; it is the one of this time.
    Sending(Box<(Message, Timestamp)>),
    /// It may not, or not now, or somebody else makes it.
    Left,
}

/// Marks a message `sending`.
///
/// # Errors
/// 503.
pub(super) async fn mark(
    app: &App,
    seen: &Message,
    of: &Conversation,
    business: &Business,
) -> Result<Marked> {
    let hash = contacthandler::hash(app, &of.person).await?;
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let Some(mut conversation) = tx.lock::<Conversation>(of.id).await? else {
        return Ok(Marked::Left);
    };
    // Who was forgotten since then is known by another name, which the next look has.
    if conversation.person != of.person {
        return Ok(Marked::Left);
    }
    let mut contact = contacthandler::lock(&mut tx, of.customer_id, &hash, &of.person).await?;
    let Some(mut message) = tx.lock::<Message>(seen.id).await? else {
        return Ok(Marked::Left);
    };
    if message.status.is_over() || message.tm_attempt.is_some() {
        return Ok(Marked::Left);
    }
    let objection = match business.suspended {
        true => Some(Objection::Suspended),
        false => objection(&message, &conversation, &contact, tx.now()),
    };
    if let Some(objection) = objection {
        greeting::forget(&mut tx, &mut conversation, &mut contact, &message).await?;
        objection
            .write(&mut tx, &mut conversation, &mut message)
            .await?;
        tx.commit(()).await?;
        return Ok(Marked::Left);
    }
    if order::waits(&mut tx, &message).await? {
        tx.commit(()).await?;
        return Ok(Marked::Left);
    }
    let bucket = match business.messaging_service_id.as_str() {
        "" => &business.number,
        service => service,
    };
    let (rate, burst) = (app.settings.texts_per_second, app.settings.texts_burst);
    if let Some(later) = buckets::take(&mut tx, bucket, rate, burst).await? {
        tx.schedule(SEND, message.id, later, &()).await?;
        tx.commit(()).await?;
        return Ok(Marked::Left);
    }
    let now = tx.now();
    message.status = MessageStatus::Sending;
    message.tries = message.tries.saturating_add(1);
    message.tm_first_try = message.tm_first_try.or(Some(now));
    message.tm_attempt = Some(now);
    say::rewrite(&mut tx, &mut conversation, &mut message).await?;
    tx.schedule(SEND, message.id, now.plus(DEADLINE), &())
        .await?;
    tx.commit(()).await?;
    Ok(Marked::Sending(Box::new((message, now))))
}

/// Why a message may not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Objection {
    OptedOut,
    Closed,
    Blocked,
    /// The assistant's words came too late.
    Late,
    /// The person may want no texts, and nobody has decided.
    Paused,
    /// The number takes no texts, as the carrier said.
    Unreachable,
    /// The business may not use the service.
    Suspended,
}

fn objection(
    message: &Message,
    conversation: &Conversation,
    contact: &Contact,
    now: Timestamp,
) -> Option<Objection> {
    // To a pseudonym nothing leaves, whatever became of its conversation.
    if conversation.is_closed() || conversation.is_erased() {
        return Some(Objection::Closed);
    }
    if message.is_confirmation() {
        return conversation
            .is_number_blocked()
            .then_some(Objection::Blocked);
    }
    if contact.opted_out {
        return Some(Objection::OptedOut);
    }
    if conversation.is_blocked() {
        return Some(Objection::Blocked);
    }
    if contacthandler::takes_no_texts(contact, now) {
        return Some(Objection::Unreachable);
    }
    if message.sender == Sender::Ai && message.fence != conversation.fence {
        return Some(Objection::Late);
    }
    // A person who writes has decided; in danger, and to our question whether texts are wanted, there is nothing to decide.
    let is_held = message.sender != Sender::Human && !message.is_safety() && !message.is_question();
    (contact.paused && is_held).then_some(Objection::Paused)
}

impl Objection {
    async fn write(
        self,
        tx: &mut ChangeTx<'_>,
        conversation: &mut Conversation,
        message: &mut Message,
    ) -> Result<()> {
        let (status, code, text) = match self {
            Self::OptedOut => (
                MessageStatus::Failed,
                "OPTED_OUT",
                "This person asked for no more texts.",
            ),
            Self::Closed => (
                MessageStatus::Failed,
                "CONVERSATION_CLOSED",
                "The conversation was closed before it was sent.",
            ),
            Self::Blocked => (
                MessageStatus::Failed,
                "CONVERSATION_BLOCKED",
                "The number's registration is not approved.",
            ),
            Self::Unreachable => (
                MessageStatus::Failed,
                contacthandler::TAKES_NO_TEXTS,
                contacthandler::TAKES_NO_TEXTS_TEXT,
            ),
            Self::Suspended => (
                MessageStatus::Failed,
                "SUSPENDED",
                "The business is suspended.",
            ),
            Self::Late => (
                MessageStatus::Discarded,
                "TOO_LATE",
                "A person of the business was faster.",
            ),
            Self::Paused => (
                MessageStatus::Discarded,
                "PAUSED",
                "This person may want no more texts; nobody has decided yet.",
            ),
        };
        message.status = status;
        code.clone_into(&mut message.error_code);
        text.clone_into(&mut message.error_message);
        tx.cancel(SEND, message.id).await?;
        say::rewrite(tx, conversation, message).await?;
        order::wake_next(tx, message).await
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Objection as O, *};
    use crate::models::conversation::BlockReason;

    fn message(sender: Sender, cause: &str) -> Message {
        Message {
            sender,
            cause_key: Some(cause.to_owned()),
            ..Message::default()
        }
    }

    fn conversation(fence: i64, is_closed: bool, is_blocked: bool) -> Conversation {
        let mut conversation = Conversation::default();
        if is_blocked {
            conversation.block(BlockReason::CampaignPending);
        }
        conversation.fence = fence;
        conversation.tm_closed = is_closed.then(|| Timestamp::from_micros(1));
        conversation
    }

    fn erased() -> Conversation {
        Conversation {
            person: "erased:0123".to_owned(),
            ..Conversation::default()
        }
    }

    fn opted_out() -> Conversation {
        let mut conversation = Conversation::default();
        conversation.block(BlockReason::OptedOut);
        conversation
    }

    fn contact(opted_out: bool, paused: bool) -> Contact {
        Contact {
            opted_out,
            paused,
            ..Contact::default()
        }
    }

    /// A landline, as the carrier said a day ago.
    fn landline() -> Contact {
        Contact {
            tm_unreachable: Some(Timestamp::from_micros(0)),
            ..Contact::default()
        }
    }

    #[rstest]
    #[case::landline(
        message(Sender::System, "greet:1"),
        conversation(0, false, false),
        landline(),
        Some(O::Unreachable)
    )]
    #[case::nor_do_people_reach_it(
        message(Sender::Human, "human:1"),
        conversation(0, false, false),
        landline(),
        Some(O::Unreachable)
    )]
    #[case::greeting(
        message(Sender::System, "greet:1"),
        conversation(3, false, false),
        contact(false, false),
        None
    )]
    #[case::opted_out(
        message(Sender::Human, "human:1"),
        conversation(0, false, false),
        contact(true, false),
        Some(O::OptedOut)
    )]
    #[case::confirmation(
        message(Sender::System, "optout:1"),
        opted_out(),
        contact(true, false),
        None
    )]
    #[case::none_from_a_number_that_may_not_send(
        message(Sender::System, "optout:1"),
        conversation(0, false, true),
        contact(true, false),
        Some(O::Blocked)
    )]
    #[case::no_confirmation_by_the_model(
        message(Sender::Ai, "optout:1"),
        conversation(0, false, false),
        contact(true, false),
        Some(O::OptedOut)
    )]
    #[case::closed(
        message(Sender::System, "optout:1"),
        conversation(0, true, false),
        contact(false, false),
        Some(O::Closed)
    )]
    #[case::erased(
        message(Sender::Human, "human:1"),
        erased(),
        contact(false, false),
        Some(O::Closed)
    )]
    #[case::blocked(
        message(Sender::Human, "human:1"),
        conversation(0, false, true),
        contact(false, false),
        Some(O::Blocked)
    )]
    #[case::fence(
        message(Sender::Ai, "turn:1"),
        conversation(1, false, false),
        contact(false, false),
        Some(O::Late)
    )]
    #[case::no_fence_for_people(
        message(Sender::Human, "human:1"),
        conversation(1, false, false),
        contact(false, false),
        None
    )]
    #[case::paused(
        message(Sender::Ai, "turn:1"),
        conversation(0, false, false),
        contact(false, true),
        Some(O::Paused)
    )]
    #[case::no_greeting_while_paused(
        message(Sender::System, "greet:1"),
        conversation(0, false, false),
        contact(false, true),
        Some(O::Paused)
    )]
    #[case::danger_is_told_while_paused(
        message(Sender::System, "emergency:1"),
        conversation(0, false, false),
        contact(false, true),
        None
    )]
    #[case::the_question_is_asked_while_paused(
        message(Sender::System, "optin:1"),
        conversation(0, false, false),
        contact(false, true),
        None
    )]
    #[case::a_person_may_speak_while_paused(
        message(Sender::Human, "human:1"),
        conversation(0, false, false),
        contact(false, true),
        None
    )]
    fn what_may_leave(
        #[case] message: Message,
        #[case] conversation: Conversation,
        #[case] contact: Contact,
        #[case] expected: Option<Objection>,
    ) {
        let now = Timestamp::from_micros(86_400_000_000);
        assert_eq!(objection(&message, &conversation, &contact, now), expected);
    }
}
