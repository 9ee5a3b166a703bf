//! Templates found by their names.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use uuid::Uuid;

#[derive(bin_common_handler::FromRow)]
struct Found {
    body: String,
}

/// The words of a tenant's own template.
///
/// # Errors
/// 503.
pub(crate) async fn body_of(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    name: &str,
) -> Result<Option<String>> {
    let sql =
        "SELECT body FROM chat_templates WHERE customer_id = ? AND name = ? AND tm_delete IS NULL";
    let values = vec![customer_id.into(), name.into()];
    let found: Option<Found> = tx.sql().fetch_optional(sql, values).await?;
    Ok(found.map(|found| found.body))
}
