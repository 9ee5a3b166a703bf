//! What is held is given back: by whoever held it, or with the wish of whoever it was held for.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use uuid::Uuid;

use crate::{
    dbhandler::bookings,
    models::{
        reservation::{Reservation, ReservationStatus},
        timers::RESERVATION_EXPIRE,
    },
};

/// Deleted: what is booked or over stays what it is. The caller writes it.
///
/// # Errors
/// 503.
pub(crate) async fn give_back(tx: &mut ChangeTx<'_>, after: &mut Reservation) -> Result<()> {
    tx.cancel(RESERVATION_EXPIRE, after.id).await?;
    if after.status == ReservationStatus::Held {
        after.status = ReservationStatus::Released;
    }
    Ok(())
}

/// Gives back what is held for somebody who wants no texts: nobody can offer it to them any more. What they booked stands.
///
/// # Errors
/// 503.
pub(crate) async fn give_back_all(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    person: &str,
) -> Result<()> {
    for id in bookings::held_for(tx, customer_id, person).await? {
        let found = tx.lock::<Reservation>(id).await?;
        let is_held =
            |row: &Reservation| row.status == ReservationStatus::Held && row.tm_delete.is_none();
        let Some(before) = found.filter(is_held) else {
            continue;
        };
        let version = tx.next_version(before.tm_update);
        let mut after = Reservation {
            tm_update: version,
            tm_delete: Some(version),
            ..before
        };
        give_back(tx, &mut after).await?;
        tx.update(&after).await?;
        tx.emit("reservation_deleted", &after, customer_id).await?;
    }
    Ok(())
}
