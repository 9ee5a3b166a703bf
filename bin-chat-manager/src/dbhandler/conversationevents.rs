//! Events of conversations, by their numbers.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value, list},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::models::{
    conversation::Conversation, conversationevent::ConversationEvent, message::Message,
};

#[derive(bin_common_handler::FromRow)]
struct Oldest {
    seq: Option<i64>,
}

/// Events that all may see, after a number, the oldest first.
///
/// # Errors
/// 503.
pub(crate) async fn after(
    db: &Db,
    of: &Conversation,
    seq: i64,
    limit: i64,
) -> Result<Vec<ConversationEvent>> {
    let tail = "WHERE conversation_id = ? AND customer_id = ? AND seq > ? ORDER BY seq LIMIT ?";
    let values: Vec<Value> = vec![
        of.id.into(),
        of.customer_id.into(),
        seq.into(),
        limit.into(),
    ];
    Ok(db.select(tail, values).await?)
}

/// Events of private notes, after a number, the oldest first.
///
/// # Errors
/// 503.
pub(crate) async fn notes_after(
    db: &Db,
    of: &Conversation,
    note_seq: i64,
    limit: i64,
) -> Result<Vec<ConversationEvent>> {
    let tail = "WHERE conversation_id = ? AND customer_id = ? AND seq = 0 AND note_seq > ? \
                ORDER BY note_seq LIMIT ?";
    let values: Vec<Value> = vec![
        of.id.into(),
        of.customer_id.into(),
        note_seq.into(),
        limit.into(),
    ];
    Ok(db.select(tail, values).await?)
}

/// The first number above `seq` that is not older than `since`.
///
/// # Errors
/// 503.
pub(crate) async fn oldest(
    db: &Db,
    of: &Conversation,
    seq: i64,
    since: Timestamp,
) -> Result<Option<i64>> {
    let sql = "SELECT MIN(seq) AS seq FROM chat_conversation_events \
               WHERE conversation_id = ? AND customer_id = ? AND seq > ? AND tm_create >= ?";
    let values: Vec<Value> = vec![
        of.id.into(),
        of.customer_id.into(),
        seq.into(),
        since.into(),
    ];
    let found: Option<Oldest> = db.fetch_optional(sql, values).await?;
    Ok(found.and_then(|found| found.seq))
}

/// Forgets those that nobody is sent again. The conversation is held.
///
/// # Errors
/// 503.
pub(crate) async fn forget(
    tx: &mut ChangeTx<'_>,
    conversation_id: Uuid,
    up_to_seq: i64,
) -> Result<()> {
    let sql = "DELETE FROM chat_conversation_events \
               WHERE conversation_id = ? AND seq > 0 AND seq <= ?";
    let values = vec![conversation_id.into(), up_to_seq.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Writes the numbers of a held conversation, and nothing else of it.
///
/// # Errors
/// 503.
pub(crate) async fn keep_numbers(tx: &mut ChangeTx<'_>, of: &Conversation) -> Result<()> {
    let sql = "UPDATE chat_conversations SET last_seq = ?, last_note_seq = ? \
               WHERE id = ? AND customer_id = ?";
    let values: Vec<Value> = vec![
        of.last_seq.into(),
        of.last_note_seq.into(),
        of.id.into(),
        of.customer_id.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// These messages of a conversation.
///
/// # Errors
/// 503.
pub(crate) async fn messages(db: &Db, of: &Conversation, ids: Vec<Uuid>) -> Result<Vec<Message>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (marks, mut values) = list(ids);
    let tail = format!("WHERE id IN ({marks}) AND customer_id = ?");
    values.push(of.customer_id.into());
    Ok(db.select(&tail, values).await?)
}
