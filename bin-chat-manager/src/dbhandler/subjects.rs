//! Everything about one number, and its pseudonym.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Entity, Value},
    models::error::Result,
};
use uuid::Uuid;

use crate::models::notification::Notification;

/// Rows of each kind that an answer has at most.
pub(crate) const ROWS_MAX: usize = 1_000;
/// Rows of one statement that changes some.
const STEP: usize = 500;

#[derive(bin_common_handler::FromRow)]
struct Id {
    id: Uuid,
}

#[derive(bin_common_handler::FromRow)]
struct Name {
    name: String,
}

/// Rows of an entity whose `person` it is, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn of_person<E: Entity>(
    db: &Db,
    customer_id: Uuid,
    person: &str,
) -> Result<Vec<E>> {
    let tail =
        format!("WHERE customer_id = ? AND person = ? ORDER BY tm_create DESC LIMIT {ROWS_MAX}");
    let values = vec![customer_id.into(), person.into()];
    Ok(db.select(&tail, values).await?)
}

/// Notifications to a number, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn notifications(
    db: &Db,
    customer_id: Uuid,
    number: &str,
) -> Result<Vec<Notification>> {
    let tail =
        format!("WHERE customer_id = ? AND `to` = ? ORDER BY tm_create DESC LIMIT {ROWS_MAX}");
    let values = vec![customer_id.into(), number.into()];
    Ok(db.select(&tail, values).await?)
}

fn within(customer_id: Uuid, column: &str, ids: &[Uuid]) -> (String, Vec<Value>) {
    let marks = vec!["?"; ids.len()].join(", ");
    let mut values: Vec<Value> = vec![customer_id.into()];
    values.extend(ids.iter().map(|id| Value::from(*id)));
    (format!("customer_id = ? AND {column} IN ({marks})"), values)
}

/// Rows of an entity with these ids, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn by_ids<E: Entity>(db: &Db, customer_id: Uuid, ids: &[Uuid]) -> Result<Vec<E>> {
    select_within(db, customer_id, "id", ids).await
}

async fn select_within<E: Entity>(
    db: &Db,
    customer_id: Uuid,
    column: &str,
    ids: &[Uuid],
) -> Result<Vec<E>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (condition, values) = within(customer_id, column, ids);
    let tail = format!("WHERE {condition} ORDER BY tm_create DESC LIMIT {ROWS_MAX}");
    Ok(db.select(&tail, values).await?)
}

/// Rows of an entity that are of these conversations, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn of_conversations<E: Entity>(
    db: &Db,
    customer_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<E>> {
    select_within(db, customer_id, "conversation_id", ids).await
}

/// Rows of an entity that are of these leads, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn of_leads<E: Entity>(
    db: &Db,
    customer_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<E>> {
    select_within(db, customer_id, "lead_id", ids).await
}

/// The names of the files of these conversations.
///
/// # Errors
/// 503.
pub(crate) async fn file_names(db: &Db, customer_id: Uuid, ids: &[Uuid]) -> Result<Vec<String>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (condition, values) = within(customer_id, "conversation_id", ids);
    let sql = format!(
        "SELECT name FROM chat_attachments WHERE {condition} AND status = 'ready' LIMIT {ROWS_MAX}"
    );
    let found: Vec<Name> = db.fetch_all(&sql, values).await?;
    Ok(found.into_iter().map(|found| found.name).collect())
}

/// The conversations of a person.
///
/// # Errors
/// 503.
pub(crate) async fn ids_of_person(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    person: &str,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM chat_conversations WHERE customer_id = ? AND person = ? ORDER BY id";
    let values = vec![customer_id.into(), person.into()];
    let found: Vec<Id> = tx.sql().fetch_all(sql, values).await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// The leads of a person, and those of these conversations.
///
/// # Errors
/// 503.
pub(crate) async fn ids_of_leads(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    person: &str,
    conversations: &[Uuid],
) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM chat_leads WHERE customer_id = ? AND person = ?";
    let values = vec![customer_id.into(), person.into()];
    let found: Vec<Id> = tx.sql().fetch_all(sql, values).await?;
    let mut leads: Vec<Uuid> = found.into_iter().map(|found| found.id).collect();
    let of = ("chat_leads", "conversation_id");
    leads.extend(ids_within(tx, of, customer_id, conversations).await?);
    leads.sort_unstable();
    leads.dedup();
    Ok(leads)
}

/// The appointments of these conversations, and of these leads.
///
/// # Errors
/// 503.
pub(crate) async fn ids_of_appointments(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversations: &[Uuid],
    leads: &[Uuid],
) -> Result<Vec<Uuid>> {
    let of = ("chat_appointments", "conversation_id");
    let mut found = ids_within(tx, of, customer_id, conversations).await?;
    let of = ("chat_appointments", "lead_id");
    found.extend(ids_within(tx, of, customer_id, leads).await?);
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Found without holding anything, as rows are locked by their primary key only.
async fn ids_within(
    tx: &mut ChangeTx<'_>,
    (table, column): (&'static str, &'static str),
    customer_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<Uuid>> {
    let mut all = Vec::new();
    for ids in ids.chunks(STEP) {
        let (condition, values) = within(customer_id, column, ids);
        let sql = format!("SELECT id FROM {table} WHERE {condition}");
        let found: Vec<Id> = tx.sql().fetch_all(&sql, values).await?;
        all.extend(found.into_iter().map(|found| found.id));
    }
    Ok(all)
}

/// Takes out what was said in a conversation. Its files go with the next pass of retention, and nobody gets them meanwhile.
///
/// # Errors
/// 503.
pub(crate) async fn erase_words(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversation_id: Uuid,
) -> Result<()> {
    for sql in [
        "UPDATE chat_messages SET body = '', error_message = '' WHERE customer_id = ? AND conversation_id = ?",
        "UPDATE chat_turns SET refused_text = '' WHERE customer_id = ? AND conversation_id = ?",
        "UPDATE chat_attachments SET status = 'erased', name = '', source_url = NULL WHERE customer_id = ? AND conversation_id = ?",
        "DELETE FROM chat_visitor_emails WHERE customer_id = ? AND conversation_id = ?",
        "DELETE FROM chat_embeddings WHERE customer_id = ? AND conversation_id = ?",
        "DELETE FROM chat_summaries WHERE customer_id = ? AND conversation_id = ?",
        "UPDATE chat_csats SET comment = '' WHERE customer_id = ? AND conversation_id = ?",
        "UPDATE chat_sessions SET visitor = '{}' WHERE customer_id = ? AND conversation_id = ?",
    ] {
        let values = vec![customer_id.into(), conversation_id.into()];
        tx.sql().execute(sql, values).await?;
    }
    Ok(())
}

/// The pseudonym stands for the person of leads.
///
/// # Errors
/// 503.
pub(crate) async fn erase_leads(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    leads: &[Uuid],
    pseudonym: &str,
) -> Result<()> {
    for ids in leads.chunks(STEP) {
        let (condition, found) = within(customer_id, "id", ids);
        let sql =
            format!("UPDATE chat_leads SET person = ?, name = '', address = '' WHERE {condition}");
        let mut values: Vec<Value> = vec![pseudonym.into()];
        values.extend(found);
        tx.sql().execute(&sql, values).await?;
    }
    Ok(())
}

/// Takes out what appointments say of a person, as a change that calendars must see; how many said anything.
///
/// # Errors
/// 503.
pub(crate) async fn erase_appointments(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    appointments: &[Uuid],
) -> Result<u64> {
    let (now, mut rows) = (tx.now(), 0);
    for ids in appointments.chunks(STEP) {
        let (condition, found) = within(customer_id, "id", ids);
        let sql = format!(
            "UPDATE chat_appointments SET title = '', address = '', email = '', \
             sequence = sequence + 1, tm_update = ? \
             WHERE {condition} AND (title <> '' OR address <> '' OR email <> '')"
        );
        let mut values: Vec<Value> = vec![now.into()];
        values.extend(found);
        rows += tx.sql().execute(&sql, values).await?;
    }
    Ok(rows)
}

/// The ledger keeps the hash of a number, and no longer the number.
///
/// # Errors
/// 503.
pub(crate) async fn forget_number(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    number: &str,
) -> Result<()> {
    let sql = "UPDATE chat_contacts SET number = '' WHERE customer_id = ? AND number = ?";
    let values = vec![customer_id.into(), number.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}
