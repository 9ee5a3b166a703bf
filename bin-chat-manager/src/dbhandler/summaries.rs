//! Summaries that models wrote, one for each conversation and kind.

use bin_common_handler::{
    databasehandler::Db,
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::models::summary::{Summary, SummaryKind, SummarySource};

#[derive(bin_common_handler::FromRow)]
struct Row {
    up_to_seq: i64,
    text: String,
    tm_create: Timestamp,
}

/// The summary that a model wrote of a conversation up to a message.
///
/// # Errors
/// 503.
pub(crate) async fn find(
    db: &Db,
    customer_id: Uuid,
    conversation_id: Uuid,
    kind: SummaryKind,
    up_to_seq: i64,
) -> Result<Option<Summary>> {
    let sql = "SELECT up_to_seq, text, tm_create FROM chat_summaries \
               WHERE conversation_id = ? AND kind = ? AND customer_id = ? AND up_to_seq = ?";
    let values = vec![
        conversation_id.into(),
        kind.into(),
        customer_id.into(),
        up_to_seq.into(),
    ];
    let found: Option<Row> = db.fetch_optional(sql, values).await?;
    Ok(found.map(|row| Summary {
        conversation_id,
        kind,
        source: SummarySource::Model,
        text: row.text,
        up_to_seq: row.up_to_seq,
        tm_create: row.tm_create,
    }))
}

/// Keeps what a model wrote, in the place of what it wrote before.
///
/// # Errors
/// 503.
pub(crate) async fn keep(db: &Db, customer_id: Uuid, summary: &Summary) -> Result<()> {
    let sql = "REPLACE INTO chat_summaries \
               (conversation_id, kind, customer_id, up_to_seq, text, tm_create) \
               VALUES (?, ?, ?, ?, ?, ?)";
    let values = vec![
        summary.conversation_id.into(),
        summary.kind.into(),
        customer_id.into(),
        summary.up_to_seq.into(),
        summary.text.as_str().into(),
        summary.tm_create.into(),
    ];
    db.execute(sql, values).await?;
    Ok(())
}
