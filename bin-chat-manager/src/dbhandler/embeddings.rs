//! Vectors of messages: which wait for one, and those that are there.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value},
    ids,
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use super::{insert_new, sights::Sight};

/// What a new row is given.
const COLUMNS: &str =
    "customer_id, message_id, conversation_id, model, status, tries, fence, tm_create";
/// A row that waits.
const ROW: &str = "(?, ?, ?, ?, 'waiting', 0, ?, ?)";

/// A message that may have a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    pub customer_id: Uuid,
    pub message_id: Uuid,
    pub conversation_id: Uuid,
    pub tm_create: Timestamp,
}

impl Said {
    /// A row that waits for a vector of `model`.
    fn values(&self, model: &str) -> Vec<Value> {
        vec![
            self.customer_id.into(),
            self.message_id.into(),
            self.conversation_id.into(),
            model.into(),
            ids::next().into(),
            self.tm_create.into(),
        ]
    }
}

/// A message that waits for its vector.
#[derive(Debug, Clone, PartialEq, Eq, bin_common_handler::FromRow)]
pub(crate) struct Waiting {
    pub customer_id: Uuid,
    pub message_id: Uuid,
    /// Another one where its words were changed meanwhile.
    fence: Uuid,
    /// None where it is gone.
    pub body: Option<String>,
}

/// A message of the past.
#[derive(bin_common_handler::FromRow)]
struct Past {
    id: Uuid,
    customer_id: Uuid,
    conversation_id: Uuid,
    tm_create: Timestamp,
    /// None where it has no row, or one of another model.
    known: Option<Uuid>,
}

/// A vector of a message.
#[derive(bin_common_handler::FromRow)]
pub(crate) struct Stored {
    pub message_id: Uuid,
    pub vector: Vec<u8>,
}

#[derive(bin_common_handler::FromRow)]
struct Id {
    #[expect(dead_code, reason = "it is there or not")]
    message_id: Uuid,
}

/// A message waits for its vector, unless it does so already or has one.
///
/// # Errors
/// 503.
pub(crate) async fn wait(tx: &mut ChangeTx<'_>, model: &str, said: &Said) -> Result<()> {
    let begin = insert_new(tx.sql().dialect());
    let sql = format!("{begin} INTO chat_embeddings ({COLUMNS}) VALUES {ROW}");
    tx.sql().execute(&sql, said.values(model)).await?;
    Ok(())
}

/// The same for messages of the past, one step back: those with a smaller id that have no vector of `model`. Where the next
/// step begins; none at the end.
///
/// # Errors
/// 503.
pub(crate) async fn wait_before(
    db: &Db,
    model: &str,
    before: Uuid,
    limit: u32,
) -> Result<Option<Uuid>> {
    // What was refused may be taken by now: whoever runs the daemon may have changed a setting.
    let sql = "SELECT m.id AS id, m.customer_id AS customer_id, m.conversation_id AS conversation_id, \
               m.tm_create AS tm_create, e.message_id AS known \
               FROM chat_messages m LEFT JOIN chat_embeddings e ON e.customer_id = m.customer_id \
               AND e.message_id = m.id AND e.model = ? AND e.status <> 'refused' \
               WHERE m.id < ? AND m.body <> '' AND m.status <> 'discarded' ORDER BY m.id DESC LIMIT ?";
    let values = vec![model.into(), before.into(), limit.into()];
    let found: Vec<Past> = db.fetch_all(sql, values).await?;
    let is_last = found.len() < usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().map(|past| past.id).filter(|_| !is_last);
    let unknown: Vec<Past> = found
        .into_iter()
        .filter(|past| past.known.is_none())
        .collect();
    if !unknown.is_empty() {
        let rows = vec![ROW; unknown.len()].join(", ");
        let sql = format!("REPLACE INTO chat_embeddings ({COLUMNS}) VALUES {rows}");
        let values = unknown.iter().flat_map(|past| {
            let said = Said {
                customer_id: past.customer_id,
                message_id: past.id,
                conversation_id: past.conversation_id,
                tm_create: past.tm_create,
            };
            said.values(model)
        });
        db.execute(&sql, values.collect()).await?;
    }
    Ok(next)
}

/// Whether any message waits.
///
/// # Errors
/// 503.
pub(crate) async fn is_any_waiting(db: &Db) -> Result<bool> {
    let sql = "SELECT message_id FROM chat_embeddings WHERE status = 'waiting' LIMIT 1";
    let found: Option<Id> = db.fetch_optional(sql, Vec::new()).await?;
    Ok(found.is_some())
}

/// Messages of all tenants that wait, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn waiting(db: &Db, limit: u32) -> Result<Vec<Waiting>> {
    let sql = "SELECT e.customer_id AS customer_id, e.message_id AS message_id, e.fence AS fence, m.body AS body \
               FROM chat_embeddings e LEFT JOIN chat_messages m ON m.id = e.message_id \
               AND m.customer_id = e.customer_id AND m.status <> 'discarded' \
               WHERE e.status = 'waiting' ORDER BY e.tm_create DESC LIMIT ?";
    Ok(db.fetch_all(sql, vec![limit.into()]).await?)
}

/// Keeps the vector of a message that still waits as it did.
///
/// # Errors
/// 503.
pub(crate) async fn keep(
    tx: &mut ChangeTx<'_>,
    row: &Waiting,
    model: &str,
    vector: Vec<u8>,
) -> Result<()> {
    let sql = "UPDATE chat_embeddings SET vector = ?, model = ?, status = 'ready' \
               WHERE customer_id = ? AND message_id = ? AND fence = ?";
    let values: Vec<Value> = vec![
        vector.into(),
        model.into(),
        row.customer_id.into(),
        row.message_id.into(),
        row.fence.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// The vector of a message was refused once more; after so many tries it is no longer asked for.
///
/// # Errors
/// 503.
pub(crate) async fn refuse(tx: &mut ChangeTx<'_>, row: &Waiting, tries_max: u32) -> Result<()> {
    // MySQL sets from left to right: the status first, by the tries of before.
    let sql = "UPDATE chat_embeddings \
               SET status = CASE WHEN tries + 1 >= ? THEN 'refused' ELSE status END, tries = tries + 1 \
               WHERE customer_id = ? AND message_id = ? AND fence = ?";
    let values: Vec<Value> = vec![
        tries_max.into(),
        row.customer_id.into(),
        row.message_id.into(),
        row.fence.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Forgets what a message meant.
///
/// # Errors
/// 503.
pub(crate) async fn forget(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    message_id: Uuid,
) -> Result<()> {
    let sql = "DELETE FROM chat_embeddings WHERE customer_id = ? AND message_id = ?";
    let values = vec![customer_id.into(), message_id.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// The same for messages whose time is over.
///
/// # Errors
/// 503.
pub(crate) async fn delete(db: &Db, customer_id: Uuid, message_ids: &[Uuid]) -> Result<u64> {
    if message_ids.is_empty() {
        return Ok(0);
    }
    let marks = vec!["?"; message_ids.len()].join(", ");
    let sql =
        format!("DELETE FROM chat_embeddings WHERE customer_id = ? AND message_id IN ({marks})");
    let mut values: Vec<Value> = vec![customer_id.into()];
    values.extend(message_ids.iter().map(|id| Value::from(*id)));
    Ok(db.execute(&sql, values).await?)
}

/// Vectors of `model` that a caller may compare, the newest first: those of messages with a smaller id than `before`.
///
/// # Errors
/// 503.
pub(crate) async fn page(
    db: &Db,
    customer_id: Uuid,
    (model, sight): (&str, Option<&Sight>),
    before: Uuid,
    limit: u32,
) -> Result<Vec<Stored>> {
    let mut values: Vec<Value> = vec![customer_id.into(), before.into(), model.into()];
    let seen = match sight {
        Some(sight) => {
            let (condition, own) = sight.condition();
            values.push(customer_id.into());
            values.extend(own);
            format!(
                " AND conversation_id IN (SELECT id FROM chat_conversations WHERE customer_id = ? AND {condition})"
            )
        }
        None => String::new(),
    };
    values.push(limit.into());
    let sql = format!(
        "SELECT message_id, vector FROM chat_embeddings \
         WHERE customer_id = ? AND message_id < ? AND status = 'ready' AND model = ?{seen} \
         ORDER BY message_id DESC LIMIT ?"
    );
    Ok(db.fetch_all(&sql, values).await?)
}
