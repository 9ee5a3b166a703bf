//! Messages by conversation, cause and the provider's id.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use super::select;
use crate::models::{
    conversation::Conversation,
    message::{Direction, Message, MessageStatus},
};

/// How far back, in numbers of a conversation, texts are looked for that wait: what happens to one takes a few of them.
const LOOKED_BACK: i64 = 2_048;

/// The message of a cause.
///
/// # Errors
/// 503.
pub(crate) async fn by_cause(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    cause_key: &str,
) -> Result<Option<Message>> {
    let sql = format!(
        "{} WHERE customer_id = ? AND cause_key = ?",
        select::<Message>()
    );
    let values = vec![customer_id.into(), cause_key.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// As [`by_cause`], without holding anything.
///
/// # Errors
/// 503.
pub(crate) async fn find_by_cause(
    db: &Db,
    customer_id: Uuid,
    cause_key: &str,
) -> Result<Option<Message>> {
    let tail = "WHERE customer_id = ? AND cause_key = ? LIMIT 1";
    let values = vec![customer_id.into(), cause_key.into()];
    let found: Vec<Message> = db.select(tail, values).await?;
    Ok(found.into_iter().next())
}

/// Whether something was said after `since` for a cause that begins so; its time in microseconds follows there.
///
/// # Errors
/// 503.
pub(crate) async fn is_said_since(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    cause: &str,
    since: Timestamp,
) -> Result<bool> {
    let sql = format!(
        "{} WHERE customer_id = ? AND cause_key > ? AND cause_key < ? LIMIT 1",
        select::<Message>()
    );
    let (from, until) = (format!("{cause}{}", since.micros()), format!("{cause}:"));
    let values: Vec<Value> = vec![
        customer_id.into(),
        from.as_str().into(),
        until.as_str().into(),
    ];
    let found: Option<Message> = tx.sql().fetch_optional(&sql, values).await?;
    Ok(found.is_some())
}

/// Whether a message has this id of the provider, whichever customer's: several may share one account at the carrier, and
/// nothing of the other's is told but that the text is not ours.
///
/// # Errors
/// 503.
pub(crate) async fn is_known_sid(db: &Db, sid: &str) -> Result<bool> {
    let tail = "WHERE provider_sid = ? LIMIT 1";
    let found: Vec<Message> = db.select(tail, vec![sid.into()]).await?;
    Ok(!found.is_empty())
}

/// Whether a text before this one of the same conversation, said after `said_after`, waits to be sent, or was asked for
/// after `asked_after` and is not answered. The conversation is held.
///
/// # Errors
/// 503.
pub(crate) async fn is_one_before_waiting(
    tx: &mut ChangeTx<'_>,
    of: &Message,
    said_after: Timestamp,
    asked_after: Timestamp,
) -> Result<bool> {
    let sql = format!(
        "{} WHERE conversation_id = ? AND customer_id = ? AND seq > ? AND seq < ? AND direction = ? \
         AND status IN (?, ?) AND provider_sid IS NULL AND tm_create > ? \
         AND (tm_attempt IS NULL OR tm_attempt > ?) LIMIT 1",
        select::<Message>()
    );
    let values: Vec<Value> = vec![
        of.conversation_id.into(),
        of.customer_id.into(),
        of.seq.saturating_sub(LOOKED_BACK).max(0).into(),
        of.seq.into(),
        Direction::Outbound.into(),
        MessageStatus::Queued.into(),
        MessageStatus::Sending.into(),
        said_after.into(),
        asked_after.into(),
    ];
    let found: Option<Message> = tx.sql().fetch_optional(&sql, values).await?;
    Ok(found.is_some())
}

/// The text of the same conversation that waits next after this one. The conversation is held.
///
/// # Errors
/// 503.
pub(crate) async fn next_queued(tx: &mut ChangeTx<'_>, of: &Message) -> Result<Option<Message>> {
    let sql = format!(
        "{} WHERE conversation_id = ? AND customer_id = ? AND seq > ? AND direction = ? AND status = ? \
         ORDER BY seq LIMIT 1",
        select::<Message>()
    );
    let values: Vec<Value> = vec![
        of.conversation_id.into(),
        of.customer_id.into(),
        of.seq.into(),
        Direction::Outbound.into(),
        MessageStatus::Queued.into(),
    ];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// Which messages of a conversation are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// Only after this number.
    pub after: Option<i64>,
    /// Only before this number.
    pub before: Option<i64>,
    /// So many at most.
    pub limit: i64,
}

/// Messages in their order: those right after `after`, else the newest.
///
/// # Errors
/// 503.
pub(crate) async fn span(
    db: &Db,
    customer_id: Uuid,
    conversation_id: Uuid,
    span: Span,
) -> Result<Vec<Message>> {
    let (after, before) = (span.after.unwrap_or(0), span.before.unwrap_or(i64::MAX));
    let order = if span.after.is_some() { "ASC" } else { "DESC" };
    let tail = format!(
        "WHERE conversation_id = ? AND customer_id = ? AND seq > ? AND seq < ? ORDER BY seq {order} LIMIT ?"
    );
    let values: Vec<Value> = vec![
        conversation_id.into(),
        customer_id.into(),
        after.into(),
        before.into(),
        span.limit.into(),
    ];
    let mut found: Vec<Message> = db.select(&tail, values).await?;
    found.sort_by_key(|message| message.seq);
    Ok(found)
}

/// Private notes after a number of theirs, in their order.
///
/// # Errors
/// 503.
pub(crate) async fn notes(
    db: &Db,
    customer_id: Uuid,
    conversation_id: Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<Message>> {
    let tail = "WHERE conversation_id = ? AND customer_id = ? AND seq = 0 AND note_seq > ? \
                ORDER BY note_seq LIMIT ?";
    let values: Vec<Value> = vec![
        conversation_id.into(),
        customer_id.into(),
        after.into(),
        limit.into(),
    ];
    Ok(db.select(tail, values).await?)
}

/// Everything up to a number that goes this way was read; how many were not before. The conversation is held.
///
/// # Errors
/// 503.
pub(crate) async fn mark_read(
    tx: &mut ChangeTx<'_>,
    of: &Conversation,
    direction: Direction,
    up_to_seq: i64,
) -> Result<u64> {
    let now = tx.now();
    let sql = "UPDATE chat_messages SET delivered_at = COALESCE(delivered_at, ?), read_at = ?, tm_update = ? \
               WHERE conversation_id = ? AND customer_id = ? AND seq > 0 AND seq <= ? AND direction = ? \
               AND read_at IS NULL";
    let values: Vec<Value> = vec![
        now.into(),
        now.into(),
        now.into(),
        of.id.into(),
        of.customer_id.into(),
        up_to_seq.into(),
        direction.into(),
    ];
    Ok(tx.sql().execute(sql, values).await?)
}
