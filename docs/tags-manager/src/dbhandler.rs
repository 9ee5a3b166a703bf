//! SQL over tags.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use uuid::Uuid;

/// Live tags of an outdial, a hundred at most.
pub(crate) async fn live_of(tx: &mut ChangeTx<'_>, outdial_id: Uuid) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM tag_tags WHERE outdial_id = ? AND tm_delete IS NULL LIMIT 100";
    let found: Vec<(Uuid,)> = tx.sql().fetch_all(sql, vec![outdial_id.into()]).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}
