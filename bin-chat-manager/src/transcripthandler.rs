//! Transcripts: what was said in a conversation, for people of the business.

use std::fmt::Write as _;

use bin_common_handler::{
    context::RequestContext,
    models::{
        check::ensure,
        error::{Error, Result},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    conversationhandler::sight,
    dbhandler::messages::{self, Span},
    models::{conversation::Conversation, message::Message},
};

/// Messages of one transcript, the newest.
const MESSAGES_MAX: i64 = 5_000;

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

/// The transcript of a conversation.
///
/// # Errors
/// 404, 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Transcript> {
    let conversation = sight::get(app, ctx, id).await?;
    let span = Span {
        after: None,
        before: None,
        limit: MESSAGES_MAX,
    };
    let customer_id = conversation.customer_id;
    let messages = messages::span(&app.store.db, customer_id, id, span).await?;
    Ok(Transcript {
        text: text(&messages)?,
        conversation,
        messages,
    })
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
