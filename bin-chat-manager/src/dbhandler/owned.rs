//! What a body names is the tenant's own.

use bin_common_handler::{
    databasehandler::{ChangeTx, Entity},
    models::error::Result,
    resource::{self, Resource},
};
use uuid::Uuid;

/// Makes sure that a row that somebody names is there and this tenant's; nil names none. Somebody else's is as absent as
/// one that never was.
///
/// # Errors
/// 404, 503.
pub(crate) async fn ensure<R: Resource + Entity>(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    id: Uuid,
) -> Result<()> {
    if id.is_nil() {
        return Ok(());
    }
    let found = tx.get::<R>(id).await?;
    found
        .filter(|row| row.customer_id() == customer_id && row.tm_delete().is_none())
        .map(drop)
        .ok_or_else(resource::not_found::<R>)
}
