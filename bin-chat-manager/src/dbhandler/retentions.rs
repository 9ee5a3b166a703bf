//! What is over, and where the job that deletes it stood. Every step can run again.

use std::time::Duration;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use super::insert_new;
use crate::models::lead::LeadStatus;

/// The row of the job that deletes.
pub(crate) const NAME: &str = "all";
/// The row of the job that asks for vectors.
pub(crate) const EMBEDDINGS: &str = "embeddings";
/// What is of a conversation alone, and goes with it.
const OF_CONVERSATIONS: [(&str, &str); 12] = [
    ("chat_offers", "conversation_id"),
    ("chat_queue_entries", "conversation_id"),
    ("chat_attachments", "conversation_id"),
    ("chat_conversation_events", "conversation_id"),
    ("chat_embeddings", "conversation_id"),
    ("chat_messages", "conversation_id"),
    ("chat_turns", "conversation_id"),
    ("chat_summaries", "conversation_id"),
    ("chat_sessions", "conversation_id"),
    ("chat_csats", "conversation_id"),
    ("chat_visitor_emails", "conversation_id"),
    ("chat_conversations", "id"),
];

/// Where a business has anything whose time may be over.
const OF_BUSINESSES: [&str; 6] = [
    "chat_contacts",
    "chat_conversations",
    "chat_deliveries",
    "chat_leads",
    "chat_notifications",
    "chat_presences",
];

#[derive(bin_common_handler::FromRow)]
struct Id {
    id: Uuid,
}

#[derive(bin_common_handler::FromRow)]
struct Customer {
    customer_id: Uuid,
}

fn ids(rows: Vec<Id>) -> Vec<Uuid> {
    rows.into_iter().map(|row| row.id).collect()
}

fn until(now: Timestamp, lease: Duration) -> Value {
    now.plus(lease).micros().into()
}

/// Takes a job; false while another replica has it.
///
/// # Errors
/// 503.
pub(crate) async fn take(
    db: &Db,
    name: &'static str,
    now: Timestamp,
    lease: Duration,
) -> Result<bool> {
    let make = format!(
        "{} INTO chat_retentions (name, customer_id, leased_until) VALUES (?, ?, 0)",
        insert_new(db.dialect())
    );
    db.execute(&make, vec![name.into(), Uuid::nil().into()])
        .await?;
    let sql = "UPDATE chat_retentions SET leased_until = ? WHERE name = ? AND leased_until < ?";
    let values = vec![until(now, lease), name.into(), now.micros().into()];
    Ok(db.execute(sql, values).await? > 0)
}

/// The business that was done last; nil at the beginning.
///
/// # Errors
/// 503.
pub(crate) async fn cursor(db: &Db) -> Result<Uuid> {
    let sql = "SELECT customer_id FROM chat_retentions WHERE name = ?";
    let found: Option<Customer> = db.fetch_optional(sql, vec![NAME.into()]).await?;
    Ok(found.map(|found| found.customer_id).unwrap_or_default())
}

/// A business is done.
///
/// # Errors
/// 503.
pub(crate) async fn move_on(
    db: &Db,
    customer_id: Uuid,
    now: Timestamp,
    lease: Duration,
) -> Result<()> {
    let sql = "UPDATE chat_retentions SET customer_id = ?, leased_until = ? WHERE name = ?";
    let values = vec![customer_id.into(), until(now, lease), NAME.into()];
    db.execute(sql, values).await?;
    Ok(())
}

/// Leaves a job to whoever comes next.
///
/// # Errors
/// 503.
pub(crate) async fn leave(db: &Db, name: &'static str, cursor: Option<Uuid>) -> Result<()> {
    let sql = "UPDATE chat_retentions SET leased_until = 0 WHERE name = ?";
    db.execute(sql, vec![name.into()]).await?;
    if let Some(cursor) = cursor {
        let sql = "UPDATE chat_retentions SET customer_id = ? WHERE name = ?";
        db.execute(sql, vec![cursor.into(), name.into()]).await?;
    }
    Ok(())
}

/// Businesses with anything whose time may be over, in the order of their ids.
///
/// # Errors
/// 503.
pub(crate) async fn businesses(db: &Db, after: Uuid, limit: u32) -> Result<Vec<Uuid>> {
    let of = |table: &str| format!("SELECT customer_id FROM {table} WHERE customer_id > ?");
    let sql = format!(
        "{} ORDER BY customer_id LIMIT ?",
        OF_BUSINESSES.map(of).join(" UNION ")
    );
    let mut values = vec![Value::from(after); OF_BUSINESSES.len()];
    values.push(limit.into());
    let found: Vec<Customer> = db.fetch_all(&sql, values).await?;
    Ok(found.into_iter().map(|found| found.customer_id).collect())
}

/// Messages that were written before.
///
/// # Errors
/// 503.
pub(crate) async fn old_messages(
    db: &Db,
    customer_id: Uuid,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM chat_messages WHERE customer_id = ? AND tm_create < ? \
               ORDER BY tm_create LIMIT ?";
    let values = vec![customer_id.into(), before.into(), limit.into()];
    Ok(ids(db.fetch_all(sql, values).await?))
}

/// Conversations that ended, and were spoken in last before.
///
/// # Errors
/// 503.
pub(crate) async fn old_conversations(
    db: &Db,
    customer_id: Uuid,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM chat_conversations WHERE customer_id = ? AND tm_create < ? \
               AND open_key IS NULL AND tm_closed < ? \
               AND NOT EXISTS (SELECT 1 FROM chat_attachments \
               WHERE chat_attachments.conversation_id = chat_conversations.id) \
               ORDER BY tm_create LIMIT ?";
    let values = vec![
        customer_id.into(),
        before.into(),
        before.into(),
        limit.into(),
    ];
    Ok(ids(db.fetch_all(sql, values).await?))
}

/// Webhooks that came before.
///
/// # Errors
/// 503.
pub(crate) async fn old_webhooks(db: &Db, before: Timestamp, limit: u32) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM chat_webhooks WHERE tm_create < ? ORDER BY tm_create LIMIT ?";
    Ok(ids(db
        .fetch_all(sql, vec![before.into(), limit.into()])
        .await?))
}

fn marks(ids: &[Uuid]) -> (String, Vec<Value>) {
    let marks = vec!["?"; ids.len()].join(", ");
    (marks, ids.iter().map(|id| Value::from(*id)).collect())
}

/// Which of these messages are files.
///
/// # Errors
/// 503.
pub(crate) async fn files_among(db: &Db, messages: &[Uuid]) -> Result<Vec<Uuid>> {
    let (marks, values) = marks(messages);
    let sql = format!("SELECT id FROM chat_attachments WHERE id IN ({marks})");
    Ok(ids(db.fetch_all(&sql, values).await?))
}

/// Deletes rows by id; how many.
///
/// # Errors
/// 503.
pub(crate) async fn delete(db: &Db, table: &'static str, ids: &[Uuid]) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let (marks, values) = marks(ids);
    let sql = format!("DELETE FROM {table} WHERE id IN ({marks})");
    Ok(db.execute(&sql, values).await?)
}

/// Deletes rows of a business that were made before; the oldest moments first, so many at most.
///
/// # Errors
/// 503.
pub(crate) async fn delete_old(
    db: &Db,
    table: &'static str,
    customer_id: Uuid,
    before: Timestamp,
    limit: u32,
) -> Result<u64> {
    #[derive(bin_common_handler::FromRow)]
    struct At {
        tm_create: Timestamp,
    }
    let sql = format!(
        "SELECT tm_create FROM {table} WHERE customer_id = ? AND tm_create < ? \
         ORDER BY tm_create LIMIT 1 OFFSET ?"
    );
    let values = vec![customer_id.into(), before.into(), limit.into()];
    let step: Option<At> = db.fetch_optional(&sql, values).await?;
    let before = step.map_or(before, |step| step.tm_create);
    let sql = format!("DELETE FROM {table} WHERE customer_id = ? AND tm_create < ?");
    Ok(db
        .execute(&sql, vec![customer_id.into(), before.into()])
        .await?)
}

/// Deletes conversations, and what is of them alone; how many.
///
/// # Errors
/// 503.
pub(crate) async fn delete_conversations(tx: &mut ChangeTx<'_>, ids: &[Uuid]) -> Result<u64> {
    let (marks, values) = marks(ids);
    let mut rows = 0;
    for (table, column) in OF_CONVERSATIONS {
        let sql = format!("DELETE FROM {table} WHERE {column} IN ({marks})");
        rows = tx.sql().execute(&sql, values.clone()).await?;
    }
    Ok(rows)
}

/// Forgets what visitors said of themselves in sessions that began before; how many, so many at most.
///
/// # Errors
/// 503.
pub(crate) async fn forget_visitors(
    db: &Db,
    customer_id: Uuid,
    before: Timestamp,
    limit: u32,
) -> Result<u64> {
    let sql = "SELECT id FROM chat_sessions WHERE customer_id = ? AND tm_create < ? AND visitor <> '{}' \
               ORDER BY tm_create LIMIT ?";
    let values = vec![customer_id.into(), before.into(), limit.into()];
    let found = ids(db.fetch_all(sql, values).await?);
    if found.is_empty() {
        return Ok(0);
    }
    let (marks, values) = marks(&found);
    let sql = format!("UPDATE chat_sessions SET visitor = '{{}}' WHERE id IN ({marks})");
    Ok(db.execute(&sql, values).await?)
}

/// Forgets numbers with which there is no conversation any more, and of which nothing was noted since; how many, so many at
/// most. An opt-out is known by the hash that stays.
///
/// # Errors
/// 503.
pub(crate) async fn forget_numbers(
    db: &Db,
    customer_id: Uuid,
    before: Timestamp,
    limit: u32,
) -> Result<u64> {
    let sql = "SELECT id FROM chat_contacts WHERE customer_id = ? AND tm_update < ? AND number <> '' \
               AND NOT EXISTS (SELECT 1 FROM chat_conversations \
               WHERE chat_conversations.customer_id = chat_contacts.customer_id \
               AND chat_conversations.person = chat_contacts.number) \
               ORDER BY tm_create LIMIT ?";
    let values = vec![customer_id.into(), before.into(), limit.into()];
    let found = ids(db.fetch_all(sql, values).await?);
    let blank = "UPDATE chat_contacts SET number = ''";
    forget(db, blank, &found, before).await
}

/// Forgets of whom leads were that are over, or whose conversation went, and which nobody changed since; how many, so many
/// at most. What they were worth stays.
///
/// # Errors
/// 503.
pub(crate) async fn forget_leads(
    db: &Db,
    customer_id: Uuid,
    before: Timestamp,
    limit: u32,
) -> Result<u64> {
    let sql = "SELECT id FROM chat_leads WHERE customer_id = ? AND tm_update < ? \
               AND (person <> '' OR name <> '' OR address <> '') \
               AND (status IN (?, ?) OR tm_delete IS NOT NULL OR (conversation_id <> ? \
               AND NOT EXISTS (SELECT 1 FROM chat_conversations \
               WHERE chat_conversations.id = chat_leads.conversation_id))) \
               ORDER BY tm_create LIMIT ?";
    let values = vec![
        customer_id.into(),
        before.into(),
        LeadStatus::Completed.into(),
        LeadStatus::Lost.into(),
        Uuid::nil().into(),
        limit.into(),
    ];
    let found = ids(db.fetch_all(sql, values).await?);
    let blank = "UPDATE chat_leads SET person = '', name = '', address = ''";
    forget(db, blank, &found, before).await
}

/// Those of the rows found that nobody changed meanwhile.
async fn forget(db: &Db, blank: &str, found: &[Uuid], before: Timestamp) -> Result<u64> {
    if found.is_empty() {
        return Ok(0);
    }
    let (marks, mut values) = marks(found);
    values.push(before.into());
    let sql = format!("{blank} WHERE id IN ({marks}) AND tm_update < ?");
    Ok(db.execute(&sql, values).await?)
}

/// Deletes presences of users who are offline since before; how many, so many at most. Who comes back has a new one.
///
/// # Errors
/// 503.
pub(crate) async fn delete_absent(
    db: &Db,
    customer_id: Uuid,
    before: Timestamp,
    limit: u32,
) -> Result<u64> {
    const ABSENT: &str = "status = 'offline' AND tm_update < ?";
    let sql = format!("SELECT id FROM chat_presences WHERE customer_id = ? AND {ABSENT} LIMIT ?");
    let values = vec![customer_id.into(), before.into(), limit.into()];
    let found = ids(db.fetch_all(&sql, values).await?);
    if found.is_empty() {
        return Ok(0);
    }
    let (marks, mut values) = marks(&found);
    values.push(before.into());
    // Whoever came back meanwhile stays.
    let sql = format!("DELETE FROM chat_presences WHERE id IN ({marks}) AND {ABSENT}");
    Ok(db.execute(&sql, values).await?)
}
