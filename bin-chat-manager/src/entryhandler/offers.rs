//! Offers: who is asked, until when.

use bin_common_handler::{
    daemon::ManagerContext, databasehandler::ChangeTx, models::error::Result, timerhandler::Timer,
};

use super::waiting;
use crate::models::{
    offer::{Offer, OfferStatus, UPDATED},
    queueentry::QueueEntry,
};

/// An offer lapses; of the offer.
const LAPSE: &str = "chat_offer";

/// Names the handler, at start.
pub(super) fn start(ctx: &ManagerContext) {
    ctx.timers.on(LAPSE, lapse);
}

/// It lapses in time. The timer of one that was answered finds nothing to do.
pub(super) async fn watch(tx: &mut ChangeTx<'_>, offer: &Offer) -> Result<()> {
    tx.schedule(LAPSE, offer.id, offer.expires_at, &()).await
}

/// The entry and the offer, held: the entry first, as everybody does.
///
/// # Errors
/// 503.
pub(crate) async fn lock(
    tx: &mut ChangeTx<'_>,
    seen: &Offer,
) -> Result<Option<(QueueEntry, Offer)>> {
    let entry = tx.lock::<QueueEntry>(seen.entry_id).await?;
    let offer = tx.lock::<Offer>(seen.id).await?;
    Ok(entry.zip(offer))
}

/// Writes a held offer that was answered, or is over.
///
/// # Errors
/// 503.
pub(crate) async fn settle(
    tx: &mut ChangeTx<'_>,
    offer: &mut Offer,
    status: OfferStatus,
) -> Result<()> {
    offer.status = status;
    offer.tm_update = tx.next_version(offer.tm_update);
    tx.update(offer).await?;
    tx.emit(UPDATED, offer, offer.customer_id).await
}

/// The pending offer of a held entry, if any, is withdrawn.
///
/// # Errors
/// 503.
pub(crate) async fn withdraw(tx: &mut ChangeTx<'_>, entry: &mut QueueEntry) -> Result<()> {
    close(tx, entry, OfferStatus::Withdrawn).await
}

/// The pending offer of a held entry, if any, is over.
///
/// # Errors
/// 503.
pub(super) async fn close(
    tx: &mut ChangeTx<'_>,
    entry: &mut QueueEntry,
    status: OfferStatus,
) -> Result<()> {
    let Some(id) = entry.offer_id.take() else {
        return Ok(());
    };
    match tx.lock::<Offer>(id).await? {
        Some(mut offer) if offer.status == OfferStatus::Pending => {
            settle(tx, &mut offer, status).await
        }
        _ => Ok(()),
    }
}

/// Nothing was said in time.
async fn lapse(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(seen) = tx.get::<Offer>(timer.entity_id).await? else {
        return Ok(());
    };
    let Some((mut entry, mut offer)) = lock(tx, &seen).await? else {
        return Ok(());
    };
    if offer.status != OfferStatus::Pending {
        return Ok(());
    }
    settle(tx, &mut offer, OfferStatus::Lapsed).await?;
    entry.pass(offer.agent_id);
    waiting::wait_again(tx, &mut entry).await
}
