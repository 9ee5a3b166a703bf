//! Conversations by who they are with.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db},
    models::error::Result,
};
use uuid::Uuid;

use super::select;
use crate::models::conversation::{BlockReason, Channel, Conversation};

#[derive(bin_common_handler::FromRow)]
struct Found {
    id: Uuid,
}

/// The open conversation with somebody, held until the end of the transaction.
///
/// # Errors
/// 503.
pub(crate) async fn lock_open(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    channel: Channel,
    person: &str,
) -> Result<Option<Conversation>> {
    let sql = format!(
        "{} WHERE customer_id = ? AND open_key = ?{}",
        select::<Conversation>(),
        tx.sql().dialect().for_update()
    );
    let key = Conversation::key(channel, person);
    let values = vec![customer_id.into(), key.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// As [`lock_open`], without holding it.
///
/// # Errors
/// 503.
pub(crate) async fn find_open(
    db: &Db,
    customer_id: Uuid,
    channel: Channel,
    person: &str,
) -> Result<Option<Conversation>> {
    let key = Conversation::key(channel, person);
    let values = vec![customer_id.into(), key.into()];
    let found: Vec<Conversation> = db
        .select("WHERE customer_id = ? AND open_key = ? LIMIT 1", values)
        .await?;
    Ok(found.into_iter().next())
}

/// The last conversation with somebody that ended.
///
/// # Errors
/// 503.
pub(crate) async fn last_closed(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    channel: Channel,
    person: &str,
) -> Result<Option<Conversation>> {
    let sql = format!(
        "{} WHERE customer_id = ? AND person = ? AND channel = ? AND open_key IS NULL \
         ORDER BY tm_create DESC LIMIT 1",
        select::<Conversation>()
    );
    let values = vec![customer_id.into(), person.into(), channel.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// Which conversations are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocked<'b> {
    /// What blocks them, or does not.
    pub reason: BlockReason,
    /// Of this number of ours; empty for all.
    pub number: &'b str,
    /// Those that it blocks.
    pub is_blocked: bool,
}

/// Open conversations by text that a reason blocks, or does not.
///
/// # Errors
/// 503.
pub(crate) async fn open_of(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    wanted: Blocked<'_>,
    most: u32,
) -> Result<Vec<Uuid>> {
    let not = if wanted.is_blocked { "" } else { "NOT " };
    let of = if wanted.number.is_empty() {
        ""
    } else {
        "AND number = ? "
    };
    let sql = format!(
        "SELECT id FROM chat_conversations WHERE customer_id = ? {of}AND channel = ? \
         AND open_key IS NOT NULL AND block_reasons {not}LIKE ? ORDER BY id LIMIT ?"
    );
    let mut values = vec![customer_id.into()];
    if !wanted.number.is_empty() {
        values.push(wanted.number.into());
    }
    values.extend([
        Channel::Sms.into(),
        format!("%\"{}\"%", wanted.reason).as_str().into(),
        most.into(),
    ]);
    let found: Vec<Found> = tx.sql().fetch_all(&sql, values).await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// Open conversations that a user has and that are in no queue: ids, the oldest first.
///
/// # Errors
/// 503.
pub(crate) async fn taken_by(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    user_id: Uuid,
    most: u32,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM chat_conversations \
               WHERE customer_id = ? AND owner_id = ? AND open_key IS NOT NULL \
               AND NOT EXISTS (SELECT 1 FROM chat_queue_entries \
               WHERE chat_queue_entries.live_id = chat_conversations.id) ORDER BY id LIMIT ?";
    let values = vec![customer_id.into(), user_id.into(), most.into()];
    let found: Vec<Found> = tx.sql().fetch_all(sql, values).await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// Our number of the newest conversation by text with somebody, whether it ended or not.
///
/// # Errors
/// 503.
pub(crate) async fn number_with(
    db: &Db,
    customer_id: Uuid,
    person: &str,
) -> Result<Option<String>> {
    #[derive(bin_common_handler::FromRow)]
    struct Found {
        number: String,
    }
    let sql = "SELECT number FROM chat_conversations WHERE customer_id = ? AND person = ? AND channel = ? \
               ORDER BY tm_create DESC LIMIT 1";
    let values = vec![customer_id.into(), person.into(), Channel::Sms.into()];
    let found: Option<Found> = db.fetch_optional(sql, values).await?;
    Ok(found.map(|found| found.number))
}
