//! Numbers that were erased: calls before an erasure are counted by what stands for the number since, which the customer's key
//! makes of it anew. So an erasure is no way around a limit, and no number is kept for it.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result, sealer::Sealer};
use tracing::warn;

use crate::{
    dbhandler::subjects,
    models::call::Call,
    subjectrequesthandler::{key_place, pseudonym},
};

/// What stands for the person's number in calls before an erasure; nothing where the customer never erased one.
///
/// # Errors
/// 503.
pub(super) async fn stand_in(
    tx: &mut ChangeTx<'_>,
    sealer: &Sealer,
    call: &Call,
) -> Result<Option<String>> {
    let Some(sealed) = subjects::key_in(tx, call.customer_id).await? else {
        return Ok(None);
    };
    match sealer.open(&sealed, &key_place(call.customer_id)) {
        Ok(key) => pseudonym(&key, call.person()).map(Some),
        Err(error) => {
            // Calls go on; those before an erasure do not count.
            warn!(%error, customer_id = %call.customer_id, "the key of erased numbers cannot be opened");
            Ok(None)
        }
    }
}
