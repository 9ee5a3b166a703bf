//! Leads found by what they are about.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use uuid::Uuid;

#[derive(bin_common_handler::FromRow)]
struct Found {
    id: Uuid,
}

/// The open lead of a conversation.
///
/// # Errors
/// 503.
pub(crate) async fn open_of(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversation_id: Uuid,
) -> Result<Option<Uuid>> {
    let sql = "SELECT id FROM chat_leads WHERE customer_id = ? AND open_conversation_id = ?";
    let values = vec![customer_id.into(), conversation_id.into()];
    let found: Option<Found> = tx.sql().fetch_optional(sql, values).await?;
    Ok(found.map(|found| found.id))
}
