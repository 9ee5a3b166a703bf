//! Attachments by id, and those whose bytes are to go.

use bin_common_handler::{
    databasehandler::{Db, Value},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::models::attachment::Attachment;

/// Those of these messages that can be had.
///
/// # Errors
/// 503.
pub(crate) async fn ready(db: &Db, customer_id: Uuid, ids: &[Uuid]) -> Result<Vec<Attachment>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let marks = vec!["?"; ids.len()].join(", ");
    let tail = format!("WHERE customer_id = ? AND status = 'ready' AND id IN ({marks})");
    let mut values: Vec<Value> = vec![customer_id.into()];
    values.extend(ids.iter().map(|id| Value::from(*id)));
    Ok(db.select(&tail, values).await?)
}

/// How many bytes a conversation has, those that come included.
///
/// # Errors
/// 503.
pub(crate) async fn bytes_of(db: &Db, conversation_id: Uuid) -> Result<i64> {
    let condition = "conversation_id = ?";
    bytes(db, condition, vec![conversation_id.into()]).await
}

/// How many bytes came for a tenant since then.
///
/// # Errors
/// 503.
pub(crate) async fn bytes_since(db: &Db, customer_id: Uuid, since: Timestamp) -> Result<i64> {
    let condition = "customer_id = ? AND tm_create >= ?";
    bytes(db, condition, vec![customer_id.into(), since.into()]).await
}

async fn bytes(db: &Db, condition: &str, values: Vec<Value>) -> Result<i64> {
    #[derive(bin_common_handler::FromRow)]
    struct Sum {
        bytes: i64,
    }
    let sql = format!(
        "SELECT CAST(COALESCE(SUM(size), 0) AS SIGNED) AS bytes FROM chat_attachments \
         WHERE {condition} AND status <> 'erased'"
    );
    let sum: Option<Sum> = db.fetch_optional(&sql, values).await?;
    Ok(sum.map_or(0, |sum| sum.bytes))
}

/// Those that were erased, or never became whole since `before`; so many at most.
///
/// # Errors
/// 503.
pub(crate) async fn leftover(db: &Db, before: Timestamp, limit: u32) -> Result<Vec<Attachment>> {
    let tail = "WHERE status = 'erased' OR (status = 'pending' AND tm_create < ?) LIMIT ?";
    Ok(db.select(tail, vec![before.into(), limit.into()]).await?)
}

/// Forgets one that was never said.
///
/// # Errors
/// 503.
pub(crate) async fn drop_pending(db: &Db, id: Uuid) -> Result<()> {
    let sql = "DELETE FROM chat_attachments WHERE id = ? AND status = 'pending'";
    db.execute(sql, vec![id.into()]).await?;
    Ok(())
}
