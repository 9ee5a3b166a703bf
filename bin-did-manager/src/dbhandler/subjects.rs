//! What is kept about a person called, by the keyed hash of the number.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Entity, Value},
    models::error::Result,
};
use uuid::Uuid;

/// Rows of each kind that an answer has at most.
pub(crate) const ROWS_MAX: usize = 1_000;

/// Rows of an entity about a person, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn rows<E: Entity>(
    db: &Db,
    customer_id: Uuid,
    phone_hash: [u8; 16],
) -> Result<Vec<E>> {
    let tail = format!(
        "WHERE phone_hash = ? AND customer_id = ? ORDER BY tm_create DESC LIMIT {ROWS_MAX}"
    );
    let values: Vec<Value> = vec![phone_hash.to_vec().into(), customer_id.into()];
    Ok(db.select(&tail, values).await?)
}

/// Takes a person out of what is kept of calls: how often a number was used stays.
///
/// # Errors
/// 503.
pub(crate) async fn erase(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    phone_hash: [u8; 16],
) -> Result<()> {
    for sql in [
        "DELETE FROM did_stickies WHERE phone_hash = ? AND customer_id = ?",
        "UPDATE did_usages SET phone_hash = NULL, phone_last4 = '', lead_id = '' \
         WHERE phone_hash = ? AND customer_id = ?",
        "UPDATE did_callresults SET phone_hash = NULL, phone_last4 = '', lead_id = '' \
         WHERE phone_hash = ? AND customer_id = ?",
    ] {
        let values: Vec<Value> = vec![phone_hash.to_vec().into(), customer_id.into()];
        tx.sql().execute(sql, values).await?;
    }
    Ok(())
}
