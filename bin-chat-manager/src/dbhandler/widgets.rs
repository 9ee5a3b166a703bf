//! Widgets by what pages know them by, and which queues are named.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db},
    models::error::Result,
};
use uuid::Uuid;

use crate::models::widget::Widget;

/// Longest public id that is looked for, in bytes.
const PUBLIC_ID_MAX: usize = 64;

/// The live widget.
///
/// # Errors
/// 503.
pub(crate) async fn by_public_id(db: &Db, public_id: &str) -> Result<Option<Widget>> {
    if public_id.len() > PUBLIC_ID_MAX {
        return Ok(None);
    }
    let tail = "WHERE public_id = ? AND tm_delete IS NULL";
    let found: Vec<Widget> = db.select(tail, vec![public_id.into()]).await?;
    Ok(found.into_iter().next())
}

#[derive(bin_common_handler::FromRow)]
struct Named {
    name: String,
}

/// What leads to a queue, by the name that people gave it: a live widget, else another live queue that overflows into it.
///
/// # Errors
/// 503.
pub(crate) async fn naming_queue(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    queue_id: Uuid,
) -> Result<Option<String>> {
    let by = [
        "SELECT name FROM chat_widgets \
         WHERE customer_id = ? AND queue_id = ? AND tm_delete IS NULL LIMIT 1",
        "SELECT name FROM chat_queues \
         WHERE customer_id = ? AND overflow_queue_id = ? AND tm_delete IS NULL LIMIT 1",
    ];
    for sql in by {
        let values = vec![customer_id.into(), queue_id.into()];
        let found: Option<Named> = tx.sql().fetch_optional(sql, values).await?;
        if let Some(found) = found {
            return Ok(Some(found.name));
        }
    }
    Ok(None)
}
