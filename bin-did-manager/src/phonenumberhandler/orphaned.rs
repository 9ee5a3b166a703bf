//! The numbers of a business that was deleted are deleted with it, and given back where they were bought, so that somebody
//! else may have them. Its providers follow, with their secrets, each once no number is to be given back by it. Some at a
//! time: a business may have thousands.

use bin_common_handler::{
    context::RequestContext, databasehandler::ChangeTx, models::error::Result, resource,
    timerhandler::Timer,
};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::phonenumbers,
    models::{customer::Customer, phonenumber::PhoneNumber, provider::Provider},
    tenancy::AuditedResource,
};

/// The timer of a business whose numbers and providers are to be deleted.
pub(super) const ORPHANED: &str = "customer_phone_numbers";
/// Numbers or providers of one transaction.
const BATCH: u32 = 100;

/// The business is deleted in this transaction; its numbers follow.
///
/// # Errors
/// 503.
pub(crate) async fn orphan(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<()> {
    let now = tx.now();
    tx.schedule(ORPHANED, customer_id, now, &()).await
}

/// A number was given back. The account of a business that is gone may be needed no more.
///
/// # Errors
/// 503.
pub(super) async fn given_back(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<()> {
    let customer = tx.get::<Customer>(customer_id).await?;
    if customer.is_some_and(|customer| customer.tm_delete.is_some()) {
        orphan(tx, customer_id).await?;
    }
    Ok(())
}

/// Deletes some numbers, then some providers, and goes on while there are more.
pub(super) async fn due(app: App, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let customer_id = timer.entity_id;
    let numbers = phonenumbers::some_of(tx, customer_id, BATCH).await?;
    delete_live::<PhoneNumber>(&app, tx, &numbers).await?;
    // Asked only now: the numbers that were deleted may have been the last that needed their provider.
    let providers = phonenumbers::some_unneeded(tx, customer_id, BATCH).await?;
    delete_live::<Provider>(&app, tx, &providers).await?;
    if is_full(&numbers) || is_full(&providers) {
        return orphan(tx, customer_id).await;
    }
    Ok(())
}

/// Whether there may be more than these.
fn is_full(ids: &[Uuid]) -> bool {
    u32::try_from(ids.len()).is_ok_and(|count| count == BATCH)
}

/// Deletes those of some rows that still live.
async fn delete_live<R: AuditedResource>(
    app: &App,
    tx: &mut ChangeTx<'_>,
    ids: &[Uuid],
) -> Result<()> {
    let ctx = RequestContext::internal();
    for id in ids {
        let found = tx.lock::<R>(*id).await?;
        if let Some(live) = found.filter(|row| row.tm_delete().is_none()) {
            resource::soft_delete(app, tx, &ctx, &live).await?;
        }
    }
    Ok(())
}
