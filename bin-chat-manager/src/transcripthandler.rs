//! Transcripts: what was said in a conversation, for people of the business, and by mail for the visitor, who reads it at a
//! confirmed address only.

use std::fmt::Write as _;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        check::ensure,
        error::{Error, Result},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    conversationhandler::sight,
    dbhandler::{
        messages::{self, Span},
        notifications, visitoremails,
    },
    models::{
        conversation::Conversation,
        message::Message,
        notification::{Notification, NotificationChannel},
        visitoremail::normalized,
    },
    notificationhandler::{self, NotificationCreate},
    sessionhandler::visitor::{self, Bearer},
    visitoremailhandler::{count_mail, not_confirmed},
};

/// Messages of one transcript, the newest.
const MESSAGES_MAX: i64 = 5_000;

/// Longest transcript that goes by mail, in bytes: the newest messages of a longer one.
const MAILED_MAX: usize = 50_000;
/// What stands in the place of what is left out.
const LEFT_OUT: &str = "(What was said before is left out.)\n";

/// How a transcript is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TranscriptQuery {
    /// `json`, or `text` for the bare text; `json` where it is missing.
    format: Option<String>,
}

impl TranscriptQuery {
    /// The bridge makes bare text of the answer, where it is asked to.
    ///
    /// # Errors
    /// 400 naming `format`.
    pub(crate) fn check(&self) -> Result<()> {
        let format = self.format.as_deref().map_or("", str::trim);
        let mut known = ["", "json", "text"].iter();
        let is_known = known.any(|known| known.eq_ignore_ascii_case(format));
        ensure(is_known, "format", "must be json or text")
    }
}

/// What was said in a conversation.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Transcript {
    conversation: Conversation,
    /// In their order; the newest 5,000.
    messages: Vec<Message>,
    /// The same as text, a line for each message.
    text: String,
}

/// To whom a transcript goes by mail.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct TranscriptMail {
    /// The visitor's confirmed address; missing = whichever that is.
    #[serde(default)]
    pub email: Option<String>,
}

/// A transcript on its way.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Mailed {
    /// The notification that carries it.
    notification_id: Uuid,
    /// Where it goes.
    email: String,
}

/// The transcript of a conversation.
///
/// # Errors
/// 404, 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Transcript> {
    let conversation = sight::get(app, ctx, id).await?;
    let messages = read(app, conversation.customer_id, id).await?;
    Ok(Transcript {
        text: text(&messages)?,
        conversation,
        messages,
    })
}

async fn read(app: &App, customer_id: Uuid, id: Uuid) -> Result<Vec<Message>> {
    let span = Span {
        after: None,
        before: None,
        limit: MESSAGES_MAX,
    };
    messages::span(&app.store.db, customer_id, id, span).await
}

/// A person of the business has the transcript mailed to the visitor. What was mailed already is not mailed again before
/// something else is said.
///
/// # Errors
/// 400 naming the field; 404; 409 `EMAIL_NOT_CONFIRMED`, also for another address than the confirmed one, or where somebody
/// else has the conversation; 429 `TOO_MANY_MAILS`; 503.
pub(crate) async fn mail(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: &TranscriptMail,
) -> Result<Mailed> {
    let named = body.email.as_deref();
    let named = named.map(|email| normalized("email", email)).transpose()?;
    let conversation = sight::get(app, ctx, id).await?;
    sight::ensure_free(ctx, &conversation)?;
    send(app, ctx, (conversation.customer_id, id), named).await
}

/// A visitor has it mailed to themselves, until a while after the end.
///
/// # Errors
/// 401; 409 `EMAIL_NOT_CONFIRMED`, `NOTHING_SAID`; 429 `TOO_MANY_MAILS`; 503.
pub(crate) async fn mail_visitor(
    app: &App,
    ctx: &RequestContext,
    session_id: Uuid,
    body: &Bearer,
) -> Result<Mailed> {
    let (session, _) = visitor::session_lately(app, session_id, &body.token).await?;
    let of = (session.customer_id, session.conversation_id);
    send(app, ctx, of, None).await
}

async fn send(
    app: &App,
    ctx: &RequestContext,
    (customer_id, id): (Uuid, Uuid),
    named: Option<String>,
) -> Result<Mailed> {
    let mut messages = read(app, customer_id, id).await?;
    messages.retain(visitor::is_for_visitors);
    let last_seq = messages.last().map_or(0, |message| message.seq);
    let body = newest(text(&messages)?);
    let mut tx = app.store.begin(ctx).await?;
    // One after the other, so that mails are counted.
    tx.lock::<Conversation>(id).await?;
    let found = visitoremails::confirmed(&mut tx, customer_id, id).await?;
    let is_named = |email: &str| named.as_deref().is_none_or(|named| named == email);
    let to = found.filter(|row| is_named(&row.email));
    let to = to.ok_or_else(not_confirmed)?;
    let key = format!("transcript:{}:{last_seq}", to.id);
    let sent = match notifications::by_cause(&mut tx, customer_id, &key).await? {
        Some(before) => before,
        None if body.is_empty() => {
            let text = "Nothing was said yet.";
            return Err(Error::failed_precondition("NOTHING_SAID", text));
        }
        None => {
            let email = to.email.clone();
            count_mail(&mut tx, to).await?;
            put(&mut tx, (customer_id, id), email, key, body).await?
        }
    };
    let mailed = Mailed {
        notification_id: sent.id,
        email: sent.to,
    };
    tx.commit(mailed).await
}

async fn put(
    tx: &mut ChangeTx<'_>,
    (customer_id, id): (Uuid, Uuid),
    to: String,
    key: String,
    words: String,
) -> Result<Notification> {
    let wanted = NotificationCreate {
        channel: NotificationChannel::Email,
        to,
        data: json!({"subject": "Your conversation with us", "conversation_id": id}),
        key,
        words,
        ..NotificationCreate::default()
    };
    notificationhandler::put(tx, customer_id, wanted).await
}

/// The newest lines that a mail may hold.
fn newest(text: String) -> String {
    let Some(surplus) = text.len().checked_sub(MAILED_MAX).filter(|over| *over > 0) else {
        return text;
    };
    let rest = text.get(text.ceil_char_boundary(surplus)..);
    let rest = rest.unwrap_or_default();
    // From the first whole line on, where there is one.
    let whole = rest.split_once('\n').map_or(rest, |(_, whole)| whole);
    format!("{LEFT_OUT}{whole}")
}

fn text(messages: &[Message]) -> Result<String> {
    let mut text = String::new();
    for message in messages {
        let Message {
            tm_create,
            sender,
            kind,
            body,
            ..
        } = message;
        writeln!(text, "{tm_create} {sender} ({kind}): {body}").map_err(Error::internal)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_long_transcript_keeps_its_newest_whole_lines() {
        let short = "a\nb\n".to_owned();
        assert_eq!(newest(short.clone()), short);
        let long: String = (0..10_000).map(|at| format!("line é {at}\n")).collect();
        let cut = newest(long);
        assert!(cut.len() <= MAILED_MAX + LEFT_OUT.len(), "{}", cut.len());
        let mut lines = cut.lines();
        assert_eq!(lines.next(), Some(LEFT_OUT.trim_end()));
        assert!(lines.all(|line| line.starts_with("line é ")));
        assert!(cut.ends_with("line é 9999\n"));
    }

    #[rstest]
    #[case(None, true)]
    #[case(Some("json"), true)]
    #[case(Some("Text"), true)]
    #[case(Some("xml"), false)]
    fn a_transcript_is_json_or_text(#[case] format: Option<&str>, #[case] expected: bool) {
        let wanted = TranscriptQuery {
            format: format.map(str::to_owned),
        };
        assert_eq!(wanted.check().is_ok(), expected);
    }
}
