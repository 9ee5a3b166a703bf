//! SQL over notes.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use uuid::Uuid;

/// Notes that one transaction deletes at most.
pub(crate) const SWEEP_MAX: usize = 100;

/// Live notes of a customer about an outdial, at most [`SWEEP_MAX`].
pub(crate) async fn live_about(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    outdial_id: Uuid,
) -> Result<Vec<Uuid>> {
    let sql = format!(
        "SELECT id FROM note_notes WHERE customer_id = ? AND outdial_id = ? AND tm_delete IS NULL \
         LIMIT {SWEEP_MAX}"
    );
    let values = vec![customer_id.into(), outdial_id.into()];
    let found: Vec<(Uuid,)> = tx.sql().fetch_all(&sql, values).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}
