//! Reservations: time that is held until it is booked, given back or over.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::error::Result,
    resource::{self, ResourceHooks},
};
use uuid::Uuid;

use super::{take, timers::RESERVATION_EXPIRE, with_offers};
use crate::{
    app::App,
    customerhandler::HOLD_TTL_DEFAULT,
    holdhandler,
    models::bookable::Bookable,
    models::conversation::Conversation,
    models::reservation::{Reservation, ReservationPatch, TTL_MAX},
    models::slot::Slot,
};

impl ResourceHooks<Reservation> for App {
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
        before: Option<&Reservation>,
        after: &mut Reservation,
    ) -> Result<()> {
        if before.is_some() {
            return holdhandler::give_back(tx, after).await;
        }
        self.rooms
            .reservations
            .take(tx, after.customer_id, 1)
            .await?;
        let resource = take(tx, ctx, after.resource_id, after.time(), Uuid::nil()).await?;
        // A trusted caller may name any tenant, and its resources alone with it.
        if resource.customer_id != after.customer_id {
            return Err(resource::not_found::<Bookable>());
        }
        resource::ensure_owned::<Conversation>(tx, after.customer_id, after.conversation_id)
            .await?;
        after.tm_expire = tx.now().plus(ttl(after));
        tx.schedule(RESERVATION_EXPIRE, after.id, after.tm_expire, &())
            .await
    }
}

fn ttl(reservation: &Reservation) -> Duration {
    Duration::from_secs(u64::from(reservation.ttl_seconds.max(0).unsigned_abs()))
}

/// Holds a time.
///
/// # Errors
/// 404 without such a resource; 409 `SLOT_UNAVAILABLE` with other slots.
pub(crate) async fn hold(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    patch: &ReservationPatch,
) -> Result<Reservation> {
    let mut row = resource::build::<Reservation, App>(app, ctx, named, patch).await?;
    if row.ttl_seconds == 0 {
        let business = app.businesses.find(ctx, row.customer_id).await;
        row.ttl_seconds = business.map_or(HOLD_TTL_DEFAULT, |it| it.hold_ttl_seconds(TTL_MAX));
    }
    let (customer_id, taken) = (row.customer_id, slot_of(&row));
    match insert(app, ctx, row).await {
        Err(error) => Err(with_offers(app, ctx, customer_id, taken, error).await),
        held => held,
    }
}

async fn insert(app: &App, ctx: &RequestContext, row: Reservation) -> Result<Reservation> {
    let mut tx = app.store.begin(ctx).await?;
    let row = resource::insert(app, &mut tx, ctx, row).await?;
    tx.commit(row).await
}

fn slot_of(reservation: &Reservation) -> Slot {
    Slot {
        resource_id: reservation.resource_id,
        tm_start: reservation.tm_start,
        tm_end: reservation.tm_end,
    }
}
