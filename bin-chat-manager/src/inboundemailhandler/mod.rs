//! Mail that comes in, by a webhook or a maildir: an answer becomes a message of its conversation, known by its plus-address or
//! by the mail that it answers. What belongs to nothing is answered so, and written nowhere.

pub(crate) mod maildir;
mod parsed;
pub(crate) mod posted;
mod quotation;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        check::ensure,
        error::{Error, Result},
        text::hex,
    },
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    app::App,
    conversationhandler::{
        change,
        say::{self, Said},
    },
    dbhandler::entries,
    entryhandler::waiting,
    models::{
        conversation::{Channel, Conversation},
        message::{MessageStatus, Sender},
        notification::{Notification, NotificationChannel},
    },
    replyhandler,
};

/// Largest mail, and largest request with one, in bytes.
const MAIL_MAX: usize = 1_024 * 1_024;
/// Recipients that are looked at.
const RECIPIENTS_MAX: usize = 50;

/// A mail, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mail {
    /// What tells it from others: the same mail that comes again is the same message.
    message_id: String,
    /// A plain address, which anybody may have written there.
    from: String,
    /// Plain addresses.
    recipients: Vec<String>,
    /// The mail of ours that it answers.
    answered: Answered,
    /// Holiday answers, reports of mail that did not arrive and the like (RFC 3834).
    is_automatic: bool,
    /// What its writer wrote.
    text: String,
}

/// The mail of ours that another one answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Answered(Option<Uuid>);

impl Answered {
    fn of(in_reply_to: Option<&str>) -> Self {
        Self(in_reply_to.and_then(our_id))
    }
}

/// What became of a mail.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct InboundAnswer {
    /// `received`; `repeated` where it was received before; `ignored` for automatic answers.
    result: &'static str,
}

/// A mail becomes a message of its conversation; what became of it.
///
/// # Errors
/// 400 without words; 404 `CONVERSATION_NOT_FOUND`; 409 `CONVERSATION_CLOSED`; 503.
async fn take(app: &App, ctx: &RequestContext, mail: &Mail) -> Result<&'static str> {
    if mail.is_automatic {
        return Ok("ignored");
    }
    let id = conversation(app, mail).await?.ok_or_else(not_found)?;
    ensure(!mail.text.is_empty(), "TextBody", "must not be empty")?;
    let mut tx = app.store.begin(ctx).await?;
    let mut conversation = tx.lock::<Conversation>(id).await?.ok_or_else(not_found)?;
    if conversation.is_closed() {
        return Err(Error::failed_precondition(
            "CONVERSATION_CLOSED",
            "The conversation is closed.",
        ));
    }
    let said = Said {
        sender: Sender::Customer,
        sender_id: None,
        body: &mail.text,
        status: MessageStatus::Received,
        cause_key: format!("mail:{id}:{}", hex(&Sha256::digest(&mail.message_id))),
    };
    if say::say(&mut tx, &mut conversation, said).await?.is_none() {
        return Ok("repeated");
    }
    // The assistant answers by the conversation's own way, and this came by another.
    conversation.needs_human |= conversation.owner_id.is_none();
    wait(app, &mut tx, &conversation).await?;
    change::save(&mut tx, &mut conversation).await?;
    tx.commit("received").await
}

/// Whoever answers from home waits as one who writes on the page does: in their last queue, where there is one.
async fn wait(app: &App, tx: &mut ChangeTx<'_>, conversation: &Conversation) -> Result<()> {
    let (customer_id, id) = (conversation.customer_id, conversation.id);
    let is_free = conversation.channel == Channel::Web && conversation.owner_id.is_none();
    if !is_free || entries::is_queued(tx, id).await? {
        return Ok(());
    }
    match waiting::home(tx, customer_id, id).await? {
        Some(queue) => waiting::enter(app, tx, customer_id, id, &queue)
            .await
            .map(drop),
        None => Ok(()),
    }
}

fn not_found() -> Error {
    Error::not_found(
        "CONVERSATION_NOT_FOUND",
        "The mail answers no conversation of ours.",
    )
}

/// By its plus-address, which nobody can make up; else by the mail of ours that it answers, from whom that one went to.
async fn conversation(app: &App, mail: &Mail) -> Result<Option<Uuid>> {
    let recipients = mail.recipients.iter().take(RECIPIENTS_MAX);
    if let Some(id) = replyhandler::find(app, recipients.map(String::as_str)).await? {
        return Ok(Some(id));
    }
    let Some(answered) = mail.answered.0 else {
        return Ok(None);
    };
    let found = app.store.get::<Notification>(answered).await?;
    let is_its = |row: &Notification| {
        row.channel == NotificationChannel::Email && row.to.eq_ignore_ascii_case(&mail.from)
    };
    let Some(row) = found.filter(is_its) else {
        return Ok(None);
    };
    let Some(id) = replyhandler::conversation_of(&row) else {
        return Ok(None);
    };
    let found = app.store.get::<Conversation>(id).await?;
    let is_own = found.is_some_and(|found| found.customer_id == row.customer_id);
    Ok(is_own.then_some(id))
}

/// The notification that a Message-ID of ours is made of.
fn our_id(message_id: &str) -> Option<Uuid> {
    let id = message_id.trim();
    let id = id.strip_prefix('<').unwrap_or(id);
    let (id, _) = id.split_once('@')?;
    Uuid::try_parse(id).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("<00000000-0000-0000-0000-000000000007@example.com>", Some(7))]
    #[case("00000000-0000-0000-0000-000000000007@example.com", Some(7))]
    #[case("<CAF=x@mail.example.com>", None)]
    #[case("", None)]
    fn a_mail_of_ours_is_known_by_its_id(#[case] message_id: &str, #[case] expected: Option<u128>) {
        assert_eq!(our_id(message_id), expected.map(Uuid::from_u128));
    }
}
