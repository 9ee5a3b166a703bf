//! What becomes of appointments: confirmed, moved, called off, done.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::{
        error::Result,
        money::Money,
        text::{check_name, check_shown},
        time::Timestamp,
    },
    resource::{self, Resource, ResourceHooks},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    take,
    timers::{APPOINTMENT_REMIND, remind_later},
    with_offers,
};
use crate::{
    app::App,
    booking::interval::Interval,
    calendarsynchandler, cataloghandler, invitationhandler, leadhandler,
    models::slot::Slot,
    models::{
        appointment::{Appointment, AppointmentStatus},
        lead::LeadStatus,
        reservation::check_time,
    },
};

/// Body of a cancellation.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
pub(crate) struct Cancellation {
    /// Why, for people.
    #[serde(default)]
    reason: String,
}

/// Body of a move to another time.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct Reschedule {
    /// When it begins now.
    tm_start: Timestamp,
    /// When it ends now.
    tm_end: Timestamp,
    /// Who does it now; missing = who did.
    #[serde(default)]
    resource_id: Option<Uuid>,
}

impl ResourceHooks<Appointment> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        ctx: &RequestContext,
        before: Option<&Appointment>,
        after: &mut Appointment,
    ) -> Result<()> {
        let Some(before) = before else {
            return Ok(());
        };
        if after.differs_for_calendars(before) {
            after.sequence = before.sequence.saturating_add(1);
            calendarsynchandler::wake(tx, after.customer_id).await?;
        }
        invitationhandler::invite(self, tx, Some(before), after).await?;
        if before.status != after.status {
            follow(tx, ctx, after).await?;
        }
        Ok(())
    }
}

/// What goes with a new status: no reminder of what is over, and the lead's own status.
async fn follow(tx: &mut ChangeTx<'_>, ctx: &RequestContext, after: &Appointment) -> Result<()> {
    if !after.status.may_move() {
        tx.cancel(APPOINTMENT_REMIND, after.id).await?;
    }
    let next = match after.status {
        AppointmentStatus::Completed => LeadStatus::Completed,
        AppointmentStatus::Canceled | AppointmentStatus::NoShow => LeadStatus::Qualified,
        _ => return Ok(()),
    };
    if after.lead_id.is_nil() {
        return Ok(());
    }
    leadhandler::advance(tx, ctx, after.lead_id, next).await
}

/// Changes what may be changed of it; its time has a route of its own.
///
/// # Errors
/// 400 naming a field that is not changed here, and whose value is another; 404; 409.
pub(crate) async fn change(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    (patch, fields): (&<Appointment as Resource>::Patch, &Map<String, Value>),
) -> Result<Appointment> {
    let seen: Appointment = resource::get(app, ctx, id).await?;
    resource::ensure_kept(&seen, fields)?;
    resource::update(app, ctx, id, patch).await
}

/// A person says that it takes place. Saying it twice changes nothing.
pub(crate) async fn confirm(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Appointment> {
    become_(app, ctx, id, AppointmentStatus::Confirmed, "").await
}

/// It is called off.
pub(crate) async fn cancel(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: &Cancellation,
) -> Result<Appointment> {
    check_name("reason", &body.reason)?;
    check_shown("reason", &body.reason)?;
    become_(app, ctx, id, AppointmentStatus::Canceled, &body.reason).await
}

async fn become_(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    next: AppointmentStatus,
    reason: &str,
) -> Result<Appointment> {
    let mut tx = app.store.begin(ctx).await?;
    let before = resource::lock_live::<Appointment>(&mut tx, ctx, id).await?;
    if before.status == next {
        return tx.commit(before).await;
    }
    let mut after = before.with_status(next)?;
    reason.clone_into(&mut after.reason);
    let after = resource::update_locked(app, &mut tx, ctx, &before, after).await?;
    tx.commit(after).await
}

/// Moves it to another time, or to another resource. Its work costs what it costs then.
///
/// # Errors
/// 409 `SLOT_UNAVAILABLE` with other slots; 409 `INVALID_APPOINTMENT_STATE` for what has begun or is over.
pub(crate) async fn reschedule(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: &Reschedule,
) -> Result<Appointment> {
    let time = Interval::new(body.tm_start, body.tm_end);
    check_time(time, app.store.clock.now())?;
    let seen: Appointment = resource::get(app, ctx, id).await?;
    let slot = Slot {
        resource_id: body.resource_id.unwrap_or(seen.resource_id),
        tm_start: body.tm_start,
        tm_end: body.tm_end,
    };
    let price = repriced(app, ctx, &seen, slot.tm_start).await?;
    match shift(app, ctx, id, Move { slot, price }).await {
        Err(error) => Err(with_offers(app, ctx, seen.customer_id, slot, error).await),
        moved => moved,
    }
}

/// Where an appointment goes.
pub(super) struct Move {
    pub slot: Slot,
    /// What its work costs then; none where it has no work of the catalog, so that its price stays.
    pub price: Option<Money>,
}

/// What the work of an appointment costs at another time; none where the catalog does not say.
async fn repriced(
    app: &App,
    ctx: &RequestContext,
    of: &Appointment,
    at: Timestamp,
) -> Result<Option<Money>> {
    let Some(item) = cataloghandler::work_of(app, of).await? else {
        return Ok(None);
    };
    let priced = cataloghandler::price(app, ctx, &item, at).await?;
    Ok(Some(priced.price))
}

async fn shift(app: &App, ctx: &RequestContext, id: Uuid, to: Move) -> Result<Appointment> {
    let mut tx = app.store.begin(ctx).await?;
    let after = shift_in(app, &mut tx, ctx, id, to).await?;
    tx.commit(after).await
}

/// Moves an appointment in a transaction of the caller.
///
/// # Errors
/// 409 `SLOT_UNAVAILABLE`; 409 `INVALID_APPOINTMENT_STATE`; 404.
pub(super) async fn shift_in(
    app: &App,
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    id: Uuid,
    to: Move,
) -> Result<Appointment> {
    let slot = to.slot;
    let time = Interval::new(slot.tm_start, slot.tm_end);
    let resource = take(tx, ctx, slot.resource_id, time, id).await?;
    let before = resource::lock_live::<Appointment>(tx, ctx, id).await?;
    if !before.status.may_move() {
        return Err(before.refused());
    }
    if resource.customer_id != before.customer_id {
        return Err(resource::not_found::<crate::models::bookable::Bookable>());
    }
    let mut after = Appointment {
        resource_id: slot.resource_id,
        tm_start: slot.tm_start,
        tm_end: slot.tm_end,
        tm_remind: None,
        ..before.clone()
    };
    if let Some(price) = to.price {
        after.price_cents = price.amount;
        after.currency = price.currency.to_string();
    }
    remind_later(tx, &mut after, app.remind_before).await?;
    resource::update_locked(app, tx, ctx, &before, after).await
}
