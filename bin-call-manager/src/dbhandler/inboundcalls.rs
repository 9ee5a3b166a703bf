//! Calls at businesses' numbers, by the carrier's id.

use bin_common_handler::{
    databasehandler::{ChangeTx, Entity, Id},
    models::error::Result,
};
use uuid::Uuid;

use crate::models::inboundcall::InboundCall;

/// The call of this id at this provider, held until the end of the transaction.
///
/// # Errors
/// Whatever the database says.
pub(crate) async fn lock(
    tx: &mut ChangeTx<'_>,
    provider_id: Uuid,
    call_sid: &str,
) -> Result<Option<InboundCall>> {
    let sql = "SELECT id FROM exchange_inbound_calls WHERE provider_id = ? AND call_sid = ?";
    let values = vec![provider_id.into(), call_sid.into()];
    let found: Option<Id> = tx.sql().fetch_optional(sql, values).await?;
    match found {
        // By the primary key: locks by the index would also hold what is not there yet.
        Some(Id { id }) => tx.lock(id).await,
        None => Ok(None),
    }
}

/// Writes a new call and holds it; where another delivery was faster, that one's.
///
/// # Errors
/// Whatever the database says.
pub(crate) async fn insert_or_lock(
    tx: &mut ChangeTx<'_>,
    call: InboundCall,
) -> Result<InboundCall> {
    match tx.insert(&call).await {
        Ok(()) => return Ok(call),
        Err(error) if error.reason() == "ALREADY_EXISTS" => {}
        Err(error) => return Err(error),
    }
    let sql = format!(
        "SELECT {} FROM exchange_inbound_calls WHERE provider_id = ? AND call_sid = ?{}",
        InboundCall::COLUMNS.join(", "),
        tx.sql().dialect().for_update()
    );
    let values = vec![call.provider_id.into(), call.call_sid.as_str().into()];
    let found = tx.sql().fetch_optional(&sql, values).await?;
    Ok(found.unwrap_or(call))
}
