//! Entries of queues: who waits, who has how much, how long it takes.

use std::collections::HashMap;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use super::select;
use crate::models::queueentry::{EntryStatus, QueueEntry};

/// Ended chats that a handling time is taken from at most.
const SAMPLES_MAX: u32 = 1_000;

/// What each agent has, and is offered.
const LOADS: &str = "SELECT agent_id, COUNT(*) AS n FROM chat_queue_entries \
     WHERE customer_id = ? AND status IN ('offered', 'assigned') AND agent_id IS NOT NULL \
     GROUP BY agent_id";

#[derive(bin_common_handler::FromRow)]
struct Count {
    n: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Load {
    agent_id: Uuid,
    n: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Found {
    id: Uuid,
}

#[derive(bin_common_handler::FromRow)]
struct Handled {
    agent_id: Uuid,
}

#[derive(bin_common_handler::FromRow)]
struct ByStatus {
    status: String,
    n: i64,
}

/// How many of a queue's chats wait, are offered, and are assigned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub waiting: i64,
    pub offered: i64,
    pub assigned: i64,
}

/// The entry of a conversation that has not ended, held until the end of the transaction.
///
/// # Errors
/// 503.
pub(crate) async fn lock_live(
    tx: &mut ChangeTx<'_>,
    conversation_id: Uuid,
) -> Result<Option<QueueEntry>> {
    let sql = format!(
        "{} WHERE live_id = ?{}",
        select::<QueueEntry>(),
        tx.sql().dialect().for_update()
    );
    let values = vec![conversation_id.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// Who waits, first come first, after so many others.
///
/// # Errors
/// 503.
pub(crate) async fn waiting(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    limit: u32,
    offset: u32,
) -> Result<Vec<QueueEntry>> {
    let sql = format!(
        "{} WHERE customer_id = ? AND status = 'waiting' \
         ORDER BY priority, waiting_since, id LIMIT ? OFFSET ?",
        select::<QueueEntry>()
    );
    let values = vec![customer_id.into(), limit.into(), offset.into()];
    Ok(tx.sql().fetch_all(&sql, values).await?)
}

/// An entry that waits, held until the end of the transaction; none where it waits no more or another holds it.
///
/// # Errors
/// 503.
pub(crate) async fn lock_waiting(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<Option<QueueEntry>> {
    let sql = format!(
        "{} WHERE id = ? AND status = 'waiting'{}",
        select::<QueueEntry>(),
        tx.sql().dialect().for_update_skip_locked()
    );
    Ok(tx.sql().fetch_optional(&sql, vec![id.into()]).await?)
}

/// Open chats and pending offers of a customer's agents.
///
/// # Errors
/// 503.
pub(crate) async fn loads(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<HashMap<Uuid, i64>> {
    let rows: Vec<Load> = tx.sql().fetch_all(LOADS, vec![customer_id.into()]).await?;
    Ok(by_agent(rows))
}

/// The same, as it is committed.
///
/// # Errors
/// 503.
pub(crate) async fn loads_seen(db: &Db, customer_id: Uuid) -> Result<HashMap<Uuid, i64>> {
    let rows: Vec<Load> = db.fetch_all(LOADS, vec![customer_id.into()]).await?;
    Ok(by_agent(rows))
}

fn by_agent(rows: Vec<Load>) -> HashMap<Uuid, i64> {
    rows.into_iter().map(|row| (row.agent_id, row.n)).collect()
}

/// Open chats and pending offers of an agent. True only while the agent's row is held.
///
/// # Errors
/// 503.
pub(crate) async fn load(tx: &mut ChangeTx<'_>, agent_id: Uuid) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS n FROM chat_queue_entries \
               WHERE agent_id = ? AND status IN ('offered', 'assigned')";
    let found: Option<Count> = tx.sql().fetch_optional(sql, vec![agent_id.into()]).await?;
    Ok(found.map_or(0, |count| count.n))
}

/// What an agent has, or is asked for: ids, the oldest first.
///
/// # Errors
/// 503.
pub(crate) async fn of_agent(
    tx: &mut ChangeTx<'_>,
    agent_id: Uuid,
    limit: u32,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM chat_queue_entries \
               WHERE agent_id = ? AND status IN ('offered', 'assigned') ORDER BY id LIMIT ?";
    let values = vec![agent_id.into(), limit.into()];
    let found: Vec<Found> = tx.sql().fetch_all(sql, values).await?;
    Ok(found.into_iter().map(|row| row.id).collect())
}

/// Whether anything of a queue has not ended.
///
/// # Errors
/// 503.
pub(crate) async fn has_live(tx: &mut ChangeTx<'_>, queue_id: Uuid) -> Result<bool> {
    let sql = "SELECT id FROM chat_queue_entries \
               WHERE queue_id = ? AND status IN ('waiting', 'offered', 'assigned') LIMIT 1";
    let found: Option<Found> = tx.sql().fetch_optional(sql, vec![queue_id.into()]).await?;
    Ok(found.is_some())
}

/// Whether a conversation waits, is offered, or is with an agent.
///
/// # Errors
/// 503.
pub(crate) async fn is_queued(tx: &mut ChangeTx<'_>, conversation_id: Uuid) -> Result<bool> {
    let sql = "SELECT id FROM chat_queue_entries WHERE live_id = ?";
    let values = vec![conversation_id.into()];
    let found: Option<Found> = tx.sql().fetch_optional(sql, values).await?;
    Ok(found.is_some())
}

/// The newest entry of a conversation.
///
/// # Errors
/// 503.
pub(crate) async fn last(
    tx: &mut ChangeTx<'_>,
    conversation_id: Uuid,
) -> Result<Option<QueueEntry>> {
    let sql = format!(
        "{} WHERE conversation_id = ? ORDER BY tm_create DESC, id DESC LIMIT 1",
        select::<QueueEntry>()
    );
    let values = vec![conversation_id.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// Who had a conversation of the same person last.
///
/// # Errors
/// 503.
pub(crate) async fn last_agent(
    tx: &mut ChangeTx<'_>,
    conversation_id: Uuid,
) -> Result<Option<Uuid>> {
    let sql = "SELECT entry.agent_id FROM chat_conversations AS own \
               JOIN chat_conversations AS other \
               ON other.customer_id = own.customer_id AND other.person = own.person \
               JOIN chat_queue_entries AS entry ON entry.conversation_id = other.id \
               WHERE own.id = ? AND entry.agent_id IS NOT NULL \
               ORDER BY entry.tm_create DESC LIMIT 1";
    let values = vec![conversation_id.into()];
    let found: Option<Handled> = tx.sql().fetch_optional(sql, values).await?;
    Ok(found.map(|row| row.agent_id))
}

/// How many chats of a queue stand where.
///
/// # Errors
/// 503.
pub(crate) async fn counts(tx: &mut ChangeTx<'_>, queue_id: Uuid) -> Result<Counts> {
    let sql = "SELECT status, COUNT(*) AS n FROM chat_queue_entries \
               WHERE queue_id = ? AND status IN ('waiting', 'offered', 'assigned') GROUP BY status";
    let rows: Vec<ByStatus> = tx.sql().fetch_all(sql, vec![queue_id.into()]).await?;
    let of = |status: EntryStatus| {
        let row = rows.iter().find(|row| row.status == status.as_str());
        row.map_or(0, |row| row.n)
    };
    Ok(Counts {
        waiting: of(EntryStatus::Waiting),
        offered: of(EntryStatus::Offered),
        assigned: of(EntryStatus::Assigned),
    })
}

/// How many of its queue wait before an entry.
///
/// # Errors
/// 503.
pub(crate) async fn ahead(db: &Db, entry: &QueueEntry, queue_id: Uuid) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS n FROM chat_queue_entries \
               WHERE queue_id = ? AND status = 'waiting' AND (priority < ? OR (priority = ? AND \
               (waiting_since < ? OR (waiting_since = ? AND id < ?))))";
    let values = vec![
        queue_id.into(),
        entry.priority.into(),
        entry.priority.into(),
        entry.waiting_since.into(),
        entry.waiting_since.into(),
        entry.id.into(),
    ];
    let found: Option<Count> = db.fetch_optional(sql, values).await?;
    Ok(found.map_or(0, |count| count.n))
}

#[derive(bin_common_handler::FromRow)]
struct Span {
    tm_assigned: Timestamp,
    tm_ended: Timestamp,
}

/// How long agents had the chats of a queue that ended since then, in seconds: the last 1,000.
///
/// # Errors
/// 503.
pub(crate) async fn handled_seconds(db: &Db, queue_id: Uuid, since: Timestamp) -> Result<Vec<i64>> {
    let sql = "SELECT tm_assigned, tm_ended FROM chat_queue_entries \
               WHERE queue_id = ? AND status = 'ended' AND tm_ended > ? AND tm_assigned IS NOT NULL \
               ORDER BY tm_ended DESC LIMIT ?";
    let values: Vec<Value> = vec![queue_id.into(), since.into(), SAMPLES_MAX.into()];
    let rows: Vec<Span> = db.fetch_all(sql, values).await?;
    let seconds = |row: &Span| (row.tm_ended.micros() - row.tm_assigned.micros()) / 1_000_000;
    Ok(rows.iter().map(seconds).collect())
}
