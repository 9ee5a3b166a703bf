//! Summaries of conversations, for people of the business: a model writes them, and each is good until the next message.
//! Without a model, or when it does not answer in time, sentences of the conversation itself stand in, and say so.

mod prompt;

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    models::{check::wrong, error::Result},
};
use schemars::JsonSchema;
use serde::Deserialize;
use tracing::warn;
use uuid::Uuid;

use crate::{
    app::App,
    conversationhandler::sight,
    dbhandler::{
        messages::{self, Span},
        summaries,
    },
    models::{
        message::{Direction, Message, MessageKind, MessageStatus},
        summary::{Summary, SummaryKind, SummarySource},
    },
    turnhandler::model,
    words::extract,
};

/// Messages that are read, the newest.
const MESSAGES_MAX: i64 = 300;
/// How long people wait for a model.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// What is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Wanted {
    /// `conversation` (as where it is missing), `key_points`, `sentiment` or `topic`.
    kind: Option<String>,
}

/// The summary of a conversation.
///
/// # Errors
/// 400 for another kind; 404; 503.
pub(crate) async fn get(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    wanted: &Wanted,
) -> Result<Summary> {
    let kind = match wanted.kind.as_deref() {
        None => SummaryKind::default(),
        Some(word) => SummaryKind::parse(word).ok_or_else(|| {
            wrong(
                "kind",
                "must be conversation, key_points, sentiment or topic",
            )
        })?,
    };
    let conversation = sight::get(app, ctx, id).await?;
    let (db, customer_id) = (&app.store.db, conversation.customer_id);
    let up_to_seq = conversation.last_seq;
    if let Some(kept) = summaries::find(db, customer_id, id, kind, up_to_seq).await? {
        return Ok(kept);
    }
    let said = said(app, customer_id, id, up_to_seq).await?;
    let mut summary = Summary {
        conversation_id: id,
        kind,
        source: SummarySource::Model,
        text: String::new(),
        up_to_seq,
        tm_create: app.store.clock.now(),
    };
    if let Some(text) = written(app, kind, &said).await {
        summary.text = text;
        summaries::keep(db, customer_id, &summary).await?;
        return Ok(summary);
    }
    // Not kept: it costs little, and the model may be back when it is asked for again.
    summary.source = SummarySource::Extract;
    summary.text = extracted(kind, &said);
    Ok(summary)
}

/// What was said to each other, in its order: no notes, nothing that was never sent.
async fn said(
    app: &App,
    customer_id: Uuid,
    conversation_id: Uuid,
    up_to_seq: i64,
) -> Result<Vec<Message>> {
    let span = Span {
        after: None,
        before: Some(up_to_seq.saturating_add(1)),
        limit: MESSAGES_MAX,
    };
    let mut found = messages::span(&app.store.db, customer_id, conversation_id, span).await?;
    found.retain(|message| {
        message.kind != MessageKind::Note && message.status != MessageStatus::Discarded
    });
    Ok(found)
}

async fn written(app: &App, kind: SummaryKind, said: &[Message]) -> Option<String> {
    let settings = &app.settings;
    if !settings.llm.is_set() || said.is_empty() {
        return None;
    }
    let body = prompt::request(&settings.llm.model, kind, said);
    match model::write(app, &body, settings.llm_timeout.min(WAIT_MAX)).await {
        Ok(written) => prompt::read(kind, &written.text),
        Err(fault) => {
            warn!(fault, "the model wrote no summary");
            None
        }
    }
}

fn extracted(kind: SummaryKind, said: &[Message]) -> String {
    let texts = |is_wanted: fn(&&Message) -> bool| -> Vec<&str> {
        let wanted = said.iter().filter(is_wanted);
        wanted.map(|message| message.body.as_str()).collect()
    };
    match kind {
        SummaryKind::KeyPoints => extract::key_points(&texts(|_| true)),
        SummaryKind::Sentiment => {
            extract::sentiment(&texts(|message| message.direction == Direction::Inbound)).to_owned()
        }
        SummaryKind::Topic => extract::topic(&texts(|_| true)),
        _ => extract::conversation(&texts(|_| true)),
    }
}
