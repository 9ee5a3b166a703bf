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

/// Those that were erased, or never became whole since `before`; so many at most.
///
/// # Errors
/// 503.
pub(crate) async fn leftover(db: &Db, before: Timestamp, limit: u32) -> Result<Vec<Attachment>> {
    let tail = "WHERE status = 'erased' OR (status = 'pending' AND tm_create < ?) LIMIT ?";
    Ok(db.select(tail, vec![before.into(), limit.into()]).await?)
}
