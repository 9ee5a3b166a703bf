//! Mail that comes in, as Postmark's inbound webhook tells it: an answer becomes a message of its conversation, known by its
//! plus-address or by the mail that it answers. What belongs to nothing is answered so, and written nowhere.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::{
    config::Setting,
    context::RequestContext,
    listenhandler::Raw,
    models::{
        check::{ensure, wrong},
        error::{Error, Result},
        text::hex,
    },
    redact::Secret,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{
    app::App,
    conversationhandler::{
        change,
        say::{self, Said},
    },
    models::{
        conversation::Conversation,
        message::{MessageStatus, Sender},
        notification::{Notification, NotificationChannel},
    },
    replyhandler,
};

/// The header that proves the sender.
pub(crate) const AUTHORIZATION: &str = "authorization";
/// Who may tell of mail.
pub(crate) const INBOUND_EMAIL_SECRET: Setting<Secret> = Setting::secret(
    "INBOUND_EMAIL_SECRET",
    "",
    "User and password (user:password) of the webhook that tells of mail; empty = no mail comes in",
    "postmark:0123456789abcdef",
);

/// Largest request, in bytes.
const REQUEST_MAX: usize = 1_024 * 1_024;
/// Longest text that is kept, in bytes; the rest is cut off.
const TEXT_MAX: usize = 16 * 1_024;
/// Recipients that are looked at.
const RECIPIENTS_MAX: usize = 50;

/// A mail as Postmark tells it; fields beside these are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Posted {
    #[serde(rename = "MessageID")]
    message_id: String,
    from_full: Address,
    to_full: Vec<Address>,
    original_recipient: String,
    text_body: String,
    stripped_text_reply: String,
    headers: Vec<Header>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Address {
    email: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Header {
    name: String,
    value: String,
}

impl Posted {
    fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.trim())
    }

    /// Holiday answers and the like (RFC 3834).
    fn is_automatic(&self) -> bool {
        self.header("auto-submitted")
            .is_some_and(|value| !value.eq_ignore_ascii_case("no"))
    }

    fn recipients(&self) -> impl Iterator<Item = &str> {
        let named = self.to_full.iter().map(|to| to.email.as_str());
        std::iter::once(self.original_recipient.as_str())
            .chain(named)
            .take(RECIPIENTS_MAX)
    }

    /// What its writer wrote, without what they answer to.
    fn text(&self) -> &str {
        let text = match self.stripped_text_reply.trim() {
            "" => self.text_body.as_str(),
            stripped => stripped,
        };
        let end = quoted_from(text);
        let text = text.get(..end).unwrap_or(text).trim();
        text.get(..text.floor_char_boundary(TEXT_MAX))
            .unwrap_or(text)
    }
}

/// Where the quotation begins: at the first line of `>`, or at the line above that says who wrote.
fn quoted_from(text: &str) -> usize {
    let mut at = 0;
    let mut before = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('>') {
            let above = text.get(before..at).unwrap_or_default().trim_end();
            return if above.ends_with(':') { before } else { at };
        }
        if !line.trim().is_empty() {
            before = at;
        }
        at += line.len();
    }
    text.len()
}

/// What became of a mail.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct InboundAnswer {
    /// `received`; `repeated` where it was received before; `ignored` for automatic answers.
    result: &'static str,
}

/// Takes a mail.
///
/// # Errors
/// 403 for wrong credentials; 400 for what is no mail; 404 `CONVERSATION_NOT_FOUND`; 409 `CONVERSATION_CLOSED`; 503.
pub(crate) async fn receive(app: &App, ctx: &RequestContext, raw: &Raw) -> Result<InboundAnswer> {
    prove(app, raw)?;
    ensure(raw.body().len() <= REQUEST_MAX, "body", "has at most 1 MiB")?;
    let mail: Posted =
        serde_json::from_slice(raw.body()).map_err(|_| wrong("body", "must be a mail as JSON"))?;
    ensure(
        !mail.message_id.is_empty(),
        "MessageID",
        "must not be empty",
    )?;
    if mail.is_automatic() {
        return Ok(InboundAnswer { result: "ignored" });
    }
    let id = conversation(app, &mail).await?.ok_or_else(not_found)?;
    let body = mail.text();
    ensure(!body.is_empty(), "TextBody", "must not be empty")?;
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
        body,
        status: MessageStatus::Received,
        cause_key: format!("mail:{id}:{}", hex(&Sha256::digest(&mail.message_id))),
    };
    if say::say(&mut tx, &mut conversation, said).await?.is_none() {
        return Ok(InboundAnswer { result: "repeated" });
    }
    // The assistant answers by the conversation's own way, and this came by another.
    conversation.needs_human |= conversation.owner_id.is_none();
    change::save(&mut tx, &mut conversation).await?;
    tx.commit(InboundAnswer { result: "received" }).await
}

fn not_found() -> Error {
    Error::not_found(
        "CONVERSATION_NOT_FOUND",
        "The mail answers no conversation of ours.",
    )
}

/// HTTP's basic authentication (RFC 7617), as it stands in the webhook's URL.
fn prove(app: &App, raw: &Raw) -> Result<()> {
    let secret = app.config.get(&INBOUND_EMAIL_SECRET);
    let given = raw
        .header(AUTHORIZATION)
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, login)| BASE64.decode(login.trim()).ok())
        .unwrap_or_default();
    let is_right = bool::from(secret.expose().as_bytes().ct_eq(&given));
    if secret.is_empty() || !is_right {
        let text = "User or password are not right.";
        return Err(Error::permission_denied("BAD_CREDENTIALS", text));
    }
    Ok(())
}

/// By its plus-address, which nobody can make up; else by the mail of ours that it answers, from whom that one went to.
async fn conversation(app: &App, mail: &Posted) -> Result<Option<Uuid>> {
    if let Some(id) = replyhandler::find(app, mail.recipients()).await? {
        return Ok(Some(id));
    }
    let answered = mail.header("in-reply-to").and_then(our_id);
    let Some(answered) = answered else {
        return Ok(None);
    };
    let found = app.store.get::<Notification>(answered).await?;
    let is_its = |row: &Notification| {
        row.channel == NotificationChannel::Email
            && row.to.eq_ignore_ascii_case(mail.from_full.email.trim())
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
    let inner = message_id.strip_prefix('<')?.strip_suffix('>')?;
    let (id, _) = inner.split_once('@')?;
    Uuid::try_parse(id).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("Yes, please.", "", "Yes, please.")]
    #[case::stripped("Yes\n> old", "Yes", "Yes")]
    #[case::quoted(
        "Yes, please.\n\nOn Monday Tandem wrote:\n> When?\n",
        "",
        "Yes, please."
    )]
    #[case::quoted_bare("Yes, please.\n> When?\n", "", "Yes, please.")]
    #[case::colon("Note:\nBuy milk", "", "Note:\nBuy milk")]
    #[case::only_quotation("> When?", "", "")]
    fn what_is_answered_to_is_left_out(
        #[case] text_body: &str,
        #[case] stripped: &str,
        #[case] expected: &str,
    ) {
        let mail = Posted {
            text_body: text_body.to_owned(),
            stripped_text_reply: stripped.to_owned(),
            ..Posted::default()
        };
        assert_eq!(mail.text(), expected);
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        let mail = Posted {
            text_body: "é".repeat(TEXT_MAX),
            ..Posted::default()
        };
        assert_eq!(mail.text().len(), TEXT_MAX);
    }

    #[rstest]
    #[case("<00000000-0000-0000-0000-000000000007@example.com>", Some(7))]
    #[case("<CAF=x@mail.example.com>", None)]
    #[case("", None)]
    fn a_mail_of_ours_is_known_by_its_id(#[case] message_id: &str, #[case] expected: Option<u128>) {
        assert_eq!(our_id(message_id), expected.map(Uuid::from_u128));
    }
}
