//! Single entries of do-not-call lists.

use bin_common_handler::{
    databasehandler::{ChangeTx, Entity},
    models::error::Result,
};
use uuid::Uuid;

use crate::models::dncentry::{DncEntry, DncKind};

/// The live entry of a number on a list, held.
///
/// # Errors
/// 503.
pub(crate) async fn standing(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    phone: &str,
    list: DncKind,
    state: &str,
) -> Result<Option<DncEntry>> {
    let locking = tx.sql().dialect().for_update();
    let sql = format!(
        "SELECT {} FROM {} WHERE customer_id = ? AND phone = ? AND list = ? AND state = ? \
         AND tm_delete IS NULL ORDER BY id LIMIT 1{locking}",
        DncEntry::COLUMNS.join(", "),
        DncEntry::TABLE,
    );
    let values = vec![
        customer_id.into(),
        phone.into(),
        list.as_str().into(),
        state.into(),
    ];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}
