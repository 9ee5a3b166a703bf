//! The numbers of a business that was deleted are deleted with it, and given back where they were bought, so that somebody
//! else may have them. Some at a time: a business may have thousands.

use bin_common_handler::{
    context::RequestContext, databasehandler::ChangeTx, models::error::Result, resource,
    timerhandler::Timer,
};
use uuid::Uuid;

use crate::{app::App, dbhandler::phonenumbers, models::phonenumber::PhoneNumber};

/// The timer of a business whose numbers are to be deleted.
pub(super) const ORPHANED: &str = "customer_phone_numbers";
/// Numbers of one transaction.
const BATCH: u32 = 100;

/// The business is deleted in this transaction; its numbers follow.
///
/// # Errors
/// 503.
pub(crate) async fn orphan(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<()> {
    let now = tx.now();
    tx.schedule(ORPHANED, customer_id, now, &()).await
}

/// Deletes some numbers, and goes on while there are more.
pub(super) async fn due(app: App, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let ctx = RequestContext::internal();
    let ids = phonenumbers::some_of(tx, timer.entity_id, BATCH).await?;
    let is_last = ids.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
    for id in ids {
        let found = tx.lock::<PhoneNumber>(id).await?;
        if let Some(live) = found.filter(|number| number.tm_delete.is_none()) {
            resource::soft_delete(&app, tx, &ctx, &live).await?;
        }
    }
    if is_last {
        return Ok(());
    }
    orphan(tx, timer.entity_id).await
}
