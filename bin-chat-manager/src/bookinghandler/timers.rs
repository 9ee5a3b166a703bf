//! What happens at a time: a hold that is over, and a person who is to be reminded.

use std::time::Duration;

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result, timerhandler::Timer};

use crate::{
    app::App,
    models::{
        appointment::Appointment,
        reservation::{Reservation, ReservationStatus},
    },
    webhookhandler,
};

pub(crate) use crate::models::timers::RESERVATION_EXPIRE;

/// A person is to be reminded.
pub(crate) const APPOINTMENT_REMIND: &str = "appointment_remind";
/// Told when a person is to be reminded.
pub(crate) const REMINDER_DUE: &str = "appointment_reminder_due";

/// The hold is over, unless it was booked or given back meanwhile.
pub(crate) async fn expire(_: App, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(before) = tx.lock::<Reservation>(timer.entity_id).await? else {
        return Ok(());
    };
    if before.status != ReservationStatus::Held || before.tm_delete.is_some() {
        return Ok(());
    }
    let after = Reservation {
        status: ReservationStatus::Expired,
        tm_update: tx.next_version(before.tm_update),
        ..before
    };
    tx.update(&after).await?;
    tx.emit("reservation_updated", &after, after.customer_id)
        .await
}

/// Sets the reminder anew; none for what begins sooner than that.
pub(super) async fn remind_later(
    tx: &mut ChangeTx<'_>,
    appointment: &mut Appointment,
    before: Duration,
) -> Result<()> {
    let at = appointment.tm_start.minus(before);
    if before.is_zero() || at <= tx.now() {
        return tx
            .cancel(APPOINTMENT_REMIND, appointment.id)
            .await
            .map(drop);
    }
    tx.schedule(APPOINTMENT_REMIND, appointment.id, at, &())
        .await
}

/// It is time to remind. Somebody who wrote that it is off is not reminded.
pub(crate) async fn remind(_: App, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(before) = tx.lock::<Appointment>(timer.entity_id).await? else {
        return Ok(());
    };
    if !before.status.may_move() {
        return Ok(());
    }
    let after = Appointment {
        tm_remind: Some(tx.now()),
        tm_update: tx.next_version(before.tm_update),
        ..before
    };
    tx.update(&after).await?;
    if !after.conversation_id.is_nil() {
        webhookhandler::remind(tx, &after).await?;
    }
    tx.emit(REMINDER_DUE, &after, after.customer_id).await
}
