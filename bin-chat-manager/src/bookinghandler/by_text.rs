//! What a person chose by text is booked in the transaction of the text that says so: both happen, or neither.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        error::Result,
        identity::Scope,
        money::Money,
        text::{NAME_MAX, shown},
    },
};
use uuid::Uuid;

use super::{
    appointments::keep,
    changes::{Move, shift_in},
    take,
};
use crate::{
    app::App,
    booking::interval::Interval,
    cataloghandler,
    models::{
        appointment::{Appointment, AppointmentStatus},
        bookable::Bookable,
        catalogitem::CatalogItem,
        conversation::Conversation,
        reservation::{Reservation, ReservationStatus, check_time},
        slot::Slot,
    },
};

/// What is booked when the turn ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Booking {
    /// When, and whose time.
    pub slot: Slot,
    /// The appointment that moves there; none for a new one.
    pub moves: Option<Uuid>,
    /// The work of the catalog, and what it costs then.
    pub work: Option<(Uuid, String, Money)>,
}

/// Makes a booking ready outside of any transaction: what the work costs at that time; of an appointment that moves, `item` is
/// its own work.
///
/// # Errors
/// 503.
pub(crate) async fn prepare(
    app: &App,
    slot: Slot,
    item: Option<&CatalogItem>,
    moves: Option<Uuid>,
) -> Result<Booking> {
    let work = match item {
        Some(item) => {
            let mut ctx = RequestContext::internal();
            ctx.scope = Scope::tenant(item.customer_id);
            let priced = cataloghandler::price(app, &ctx, item, slot.tm_start).await?;
            Some((item.id, item.name.clone(), priced.price))
        }
        None => None,
    };
    Ok(Booking { slot, moves, work })
}

/// Books it, or moves what is booked. The conversation is held.
///
/// # Errors
/// 409 `SLOT_UNAVAILABLE` where somebody was faster.
pub(crate) async fn book(
    app: &App,
    tx: &mut ChangeTx<'_>,
    conversation: &Conversation,
    booking: &Booking,
) -> Result<Appointment> {
    let mut ctx = RequestContext::internal();
    ctx.scope = Scope::tenant(conversation.customer_id);
    let slot = booking.slot;
    let time = Interval::new(slot.tm_start, slot.tm_end);
    check_time(time, tx.now())?;
    if let Some(id) = booking.moves {
        let price = booking.work.as_ref().map(|(_, _, price)| *price);
        return shift_in(app, tx, &ctx, id, Move { slot, price }).await;
    }
    let resource: Bookable = take(tx, &ctx, slot.resource_id, time, Uuid::nil()).await?;
    let reservation = reserve(tx, &resource, slot).await?;
    let now = tx.now();
    let findings = &conversation.findings.0;
    let (item, title, price) = match booking.work.clone() {
        Some((item, name, price)) => (item, name, Some(price)),
        None => (Uuid::nil(), findings.service.clone(), None),
    };
    let appointment = Appointment {
        id: ids::next(),
        customer_id: conversation.customer_id,
        reservation_id: reservation.id,
        resource_id: slot.resource_id,
        conversation_id: conversation.id,
        lead_id: conversation.lead_id.unwrap_or_default(),
        catalog_item_id: item,
        title: shown(&title).chars().take(NAME_MAX).collect(),
        address: shown(&address(&findings.address, &findings.zip)),
        status: AppointmentStatus::Pending,
        tm_start: slot.tm_start,
        tm_end: slot.tm_end,
        price_cents: price.map_or(0, |price| price.amount),
        currency: price.map_or_else(String::new, |price| price.currency.to_string()),
        tm_create: now,
        tm_update: now,
        ..Appointment::default()
    };
    keep(app, tx, &ctx, appointment).await
}

/// The hold that every appointment is made of; this one is used in the same moment.
async fn reserve(tx: &mut ChangeTx<'_>, resource: &Bookable, slot: Slot) -> Result<Reservation> {
    let now = tx.now();
    let reservation = Reservation {
        id: ids::next(),
        customer_id: resource.customer_id,
        resource_id: resource.id,
        tm_start: slot.tm_start,
        tm_end: slot.tm_end,
        status: ReservationStatus::Booked,
        tm_expire: now,
        tm_create: now,
        tm_update: now,
        ..Reservation::default()
    };
    tx.insert(&reservation).await?;
    tx.emit("reservation_created", &reservation, reservation.customer_id)
        .await?;
    Ok(reservation)
}

fn address(street: &str, zip: &str) -> String {
    match (street.is_empty(), zip.is_empty()) {
        (false, false) if !street.contains(zip) => format!("{street}, {zip}"),
        (true, _) => zip.to_owned(),
        _ => street.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("12 Main St", "94107", "12 Main St, 94107")]
    #[case("12 Main St", "", "12 Main St")]
    #[case("", "94107", "94107")]
    #[case("", "", "")]
    fn the_place_is_told_as_far_as_it_is_known(
        #[case] street: &str,
        #[case] zip: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(address(street, zip), expected);
    }
}
