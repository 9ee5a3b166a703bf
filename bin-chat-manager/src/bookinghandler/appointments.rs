//! Appointments are made of holds.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        error::{Error, Result},
        identity::uuid_or_nil,
        money::Money,
        text::{NAME_MAX, TEXT_MAX, check_name, check_shown},
        time::Timestamp,
    },
    resource,
};
use serde::Deserialize;
use uuid::Uuid;

use super::timers::{RESERVATION_EXPIRE, remind_later};
use crate::{
    app::App,
    calendarsynchandler, cataloghandler, invitationhandler, leadhandler,
    models::{
        appointment::{Appointment, AppointmentStatus},
        bookable::Bookable,
        catalogitem::CatalogItem,
        conversation::Conversation,
        lead::{Lead, LeadStatus},
        notification::mail_address,
        reservation::{Reservation, ReservationStatus},
    },
};

/// Body of a new appointment.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
pub(crate) struct AppointmentCreate {
    /// The hold.
    reservation_id: Uuid,
    /// The conversation that led to it.
    #[serde(default, deserialize_with = "uuid_or_nil")]
    #[schemars(with = "Option<Uuid>")]
    conversation_id: Uuid,
    /// The lead that it is of.
    #[serde(default, deserialize_with = "uuid_or_nil")]
    #[schemars(with = "Option<Uuid>")]
    lead_id: Uuid,
    /// The work, which has a price.
    #[serde(default, deserialize_with = "uuid_or_nil")]
    #[schemars(with = "Option<Uuid>")]
    catalog_item_id: Uuid,
    /// What it is; without one the work's name.
    #[serde(default)]
    title: String,
    /// Where.
    #[serde(default)]
    address: String,
    /// Where the person's invitation goes by mail; empty for nowhere.
    #[serde(default)]
    email: String,
}

/// Makes an appointment of a hold.
///
/// # Errors
/// 404 without such a hold, conversation, lead or item; 410 `RESERVATION_EXPIRED`; 409 when the hold is used.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    body: AppointmentCreate,
) -> Result<Appointment> {
    check_name("title", &body.title)?;
    bin_common_handler::models::check::max_bytes("address", &body.address, TEXT_MAX)?;
    check_shown("title", &body.title)?;
    check_shown("address", &body.address)?;
    mail_address("email", &body.email)?;
    let reservation: Reservation = resource::get(app, ctx, body.reservation_id).await?;
    let work = priced(app, ctx, &body, &reservation).await?;
    let mut tx = app.store.begin(ctx).await?;
    // First the resource, as everybody who takes its time.
    resource::lock_live::<Bookable>(&mut tx, ctx, reservation.resource_id).await?;
    let held = book(&mut tx, ctx, reservation.id).await?;
    resource::ensure_owned::<Conversation>(&mut tx, held.customer_id, body.conversation_id).await?;
    resource::ensure_owned::<Lead>(&mut tx, held.customer_id, body.lead_id).await?;
    let appointment = made(body, &held, work, tx.now());
    let appointment = keep(app, &mut tx, ctx, appointment).await?;
    tx.commit(appointment).await
}

/// Keeps a new appointment, with its reminder, and its lead's new status.
pub(super) async fn keep(
    app: &App,
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    mut appointment: Appointment,
) -> Result<Appointment> {
    let customer_id = appointment.customer_id;
    app.rooms.appointments.take(tx, customer_id, 1).await?;
    if !appointment.lead_id.is_nil() {
        let next = LeadStatus::AppointmentScheduled;
        leadhandler::advance(tx, ctx, appointment.lead_id, next).await?;
    }
    if appointment.email.is_empty() && !appointment.conversation_id.is_nil() {
        let conversation_id = appointment.conversation_id;
        appointment.email = invitationhandler::address_of(tx, customer_id, conversation_id).await?;
    }
    remind_later(tx, &mut appointment, app.remind_before).await?;
    tx.insert(&appointment).await?;
    calendarsynchandler::wake(tx, customer_id).await?;
    invitationhandler::invite(app, tx, None, &appointment).await?;
    tx.emit("appointment_created", &appointment, customer_id)
        .await?;
    Ok(appointment)
}

/// What the work is called, and what it costs at that time.
async fn priced(
    app: &App,
    ctx: &RequestContext,
    body: &AppointmentCreate,
    reservation: &Reservation,
) -> Result<Option<(String, Money)>> {
    if body.catalog_item_id.is_nil() {
        return Ok(None);
    }
    let item: CatalogItem = resource::get(app, ctx, body.catalog_item_id).await?;
    let quoted = cataloghandler::price(app, ctx, &item, reservation.tm_start).await?;
    Ok(Some((item.name, quoted.price)))
}

/// The hold becomes what is booked.
async fn book(tx: &mut ChangeTx<'_>, ctx: &RequestContext, id: Uuid) -> Result<Reservation> {
    let before = tx
        .lock::<Reservation>(id)
        .await?
        .filter(|row| ctx.scope.allows(row.customer_id))
        .ok_or_else(resource::not_found::<Reservation>)?;
    if !before.is_held(tx.now()) {
        return Err(over(&before));
    }
    let after = Reservation {
        status: ReservationStatus::Booked,
        tm_update: tx.next_version(before.tm_update),
        ..before
    };
    tx.cancel(RESERVATION_EXPIRE, id).await?;
    tx.update(&after).await?;
    tx.emit("reservation_updated", &after, after.customer_id)
        .await?;
    Ok(after)
}

fn over(reservation: &Reservation) -> Error {
    match reservation.status {
        ReservationStatus::Held | ReservationStatus::Expired if reservation.tm_delete.is_none() => {
            Error::gone(
                "RESERVATION_EXPIRED",
                "The hold is over; hold another time.",
            )
        }
        ReservationStatus::Booked => Error::failed_precondition(
            "RESERVATION_BOOKED",
            "The hold has become an appointment already.",
        ),
        _ => Error::failed_precondition("RESERVATION_RELEASED", "The hold was given back."),
    }
}

fn made(
    body: AppointmentCreate,
    held: &Reservation,
    work: Option<(String, Money)>,
    now: Timestamp,
) -> Appointment {
    let (name, price) = work.unzip();
    let title = match (body.title.is_empty(), name) {
        (true, Some(name)) => name.chars().take(NAME_MAX).collect(),
        _ => body.title,
    };
    Appointment {
        id: ids::next(),
        customer_id: held.customer_id,
        reservation_id: held.id,
        resource_id: held.resource_id,
        conversation_id: if body.conversation_id.is_nil() {
            held.conversation_id
        } else {
            body.conversation_id
        },
        lead_id: body.lead_id,
        catalog_item_id: body.catalog_item_id,
        title,
        address: body.address,
        email: body.email,
        status: AppointmentStatus::Pending,
        tm_start: held.tm_start,
        tm_end: held.tm_end,
        price_cents: price.map_or(0, |price| price.amount),
        currency: price.map_or_else(String::new, |price| price.currency.to_string()),
        tm_create: now,
        tm_update: now,
        ..Appointment::default()
    }
}
