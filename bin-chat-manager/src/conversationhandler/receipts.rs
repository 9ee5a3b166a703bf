//! Who read what.

use bin_common_handler::{
    context::RequestContext,
    models::{check::ensure, error::Result},
    resource,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{events, participant};
use crate::{
    app::App,
    dbhandler::messages,
    models::{conversation::Conversation, conversationevent::Receipt},
};

/// What somebody read.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Read {
    /// Everything of the other side up to this number, which implies that it was delivered.
    pub seq: i64,
}

/// What is known then.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReadView {
    /// The conversation.
    conversation_id: Uuid,
    /// What was read.
    seq: i64,
    /// The number of the last event: the receipt's, where anything was new.
    last_seq: i64,
}

/// Somebody read. Reading again tells nothing, and neither does who only watches.
///
/// # Errors
/// 400 naming the field; 404; 503.
pub(crate) async fn read(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: &Read,
) -> Result<ReadView> {
    ensure(body.seq >= 0, "seq", "must not be negative")?;
    let who = participant::of(app, ctx, id).await?;
    let mut tx = app.store.begin(ctx).await?;
    let mut conversation = resource::lock_live::<Conversation>(&mut tx, ctx, id).await?;
    let seq = body.seq.min(conversation.last_seq);
    let count = if who.is_seen(&conversation) {
        messages::mark_read(&mut tx, &conversation, who.reads(), seq).await?
    } else {
        0
    };
    if count > 0 {
        let receipt = Receipt {
            by: who.side(),
            read_seq: seq,
        };
        events::receipt(&mut tx, &mut conversation, receipt).await?;
        events::keep_numbers(&mut tx, &conversation).await?;
    }
    let view = ReadView {
        conversation_id: id,
        seq,
        last_seq: conversation.last_seq,
    };
    tx.commit(view).await
}
