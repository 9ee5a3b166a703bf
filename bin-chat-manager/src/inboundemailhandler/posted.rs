//! Mail as Postmark's inbound webhook tells it.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::{
    config::Setting,
    context::RequestContext,
    listenhandler::Raw,
    models::{
        check::{ensure, wrong},
        error::{Error, Result},
    },
    redact::Secret,
};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::{Answered, InboundAnswer, MAIL_MAX, Mail, quotation, take};
use crate::app::App;

/// The header that proves the sender.
pub(crate) const AUTHORIZATION: &str = "authorization";
/// Who may tell of mail.
pub(crate) const INBOUND_EMAIL_SECRET: Setting<Secret> = Setting::login(
    "INBOUND_EMAIL_SECRET",
    "",
    "User and password (user:password) of the webhook that tells of mail; empty = no mail comes in by it",
    "postmark:0123456789abcdef",
);

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

    /// What its writer wrote, without what they answer to.
    fn text(&self) -> &str {
        match self.stripped_text_reply.trim() {
            "" => quotation::above(&self.text_body),
            stripped => quotation::above(stripped),
        }
    }

    fn mail(&self) -> Mail {
        let named = self.to_full.iter().map(|to| to.email.clone());
        let recipients = std::iter::once(self.original_recipient.clone()).chain(named);
        Mail {
            message_id: self.message_id.clone(),
            from: self.from_full.email.trim().to_owned(),
            recipients: recipients.collect(),
            answered: Answered::of(self.header("in-reply-to")),
            is_automatic: self
                .header("auto-submitted")
                .is_some_and(|value| !value.eq_ignore_ascii_case("no")),
            text: self.text().to_owned(),
        }
    }
}

/// Takes a mail.
///
/// # Errors
/// 403 for wrong credentials; 400 for what is no mail; 404 `CONVERSATION_NOT_FOUND`; 409 `CONVERSATION_CLOSED`; 503.
pub(crate) async fn receive(app: &App, ctx: &RequestContext, raw: &Raw) -> Result<InboundAnswer> {
    prove(app, raw)?;
    ensure(raw.body().len() <= MAIL_MAX, "body", "has at most 1 MiB")?;
    let posted: Posted =
        serde_json::from_slice(raw.body()).map_err(|_| wrong("body", "must be a mail as JSON"))?;
    let is_named = !posted.message_id.is_empty();
    ensure(is_named, "MessageID", "must not be empty")?;
    let result = take(app, ctx, &posted.mail()).await?;
    Ok(InboundAnswer { result })
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Yes, please.", "", "Yes, please.")]
    #[case("Yes\n> old", "Yes", "Yes")]
    fn the_stripped_reply_goes_before_the_text(
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
}
