//! `/v1/catalog_items` to `/v1/calendars`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, NamedTenant, OptionalJson, Path, Query, Routes, State},
    models::error::Result,
    resource::{PatchFields, PatchJson, Resource},
};
use uuid::Uuid;

use super::{READ, WRITE};
use crate::{
    addresshandler::{self, AddressReply, AddressRequest},
    app::App,
    availabilityhandler::{self, AvailabilityQuery},
    booking::ical,
    bookinghandler::{
        appointments::{self, AppointmentCreate},
        changes::{self, Cancellation, Reschedule},
        reservations,
    },
    calendarhandler::{self, Feed},
    calendarsynchandler::{self, SyncView},
    cataloghandler::{self, Match, MatchRequest, QuoteReply, QuoteRequest},
    leadhandler::{self, StatusChange},
    models::{
        appointment::Appointment,
        bookable::Bookable,
        calendar::Calendar,
        catalogitem::CatalogItem,
        holiday::Holiday,
        lead::Lead,
        rate::Rate,
        reservation::{Reservation, ReservationPatch},
        slot::Slot,
    },
};

/// What is offered, by whom, and when.
pub(super) fn offer_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .resource_for::<CatalogItem>(
            "/v1/catalog_items",
            "/v1/catalog_items/<catalog-item-id>",
            READ,
            WRITE,
        )
        .post_without_effect("/v1/catalog_items/match", find)
        .scope(READ)
        .post_without_effect("/v1/catalog_items/quote", quote)
        .scope(READ)
        .resource_for::<Rate>("/v1/rates", "/v1/rates/<rate-id>", READ, WRITE)
        .resource_for::<Bookable>("/v1/resources", "/v1/resources/<resource-id>", READ, WRITE)
        .resource_for::<Holiday>("/v1/holidays", "/v1/holidays/<holiday-id>", READ, WRITE)
        .get("/v1/availabilities", availabilities)
        .scope(READ)
        .post_without_effect("/v1/addresses/validate", validate)
        .scope(READ)
}

/// What is booked.
pub(super) fn booking_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .listed::<Reservation>("/v1/reservations")
        .scope(READ)
        .post("/v1/reservations", hold)
        .scope(WRITE)
        .readable::<Reservation>("/v1/reservations/<reservation-id>")
        .scope(READ)
        .deletable::<Reservation>("/v1/reservations/<reservation-id>")
        .scope(WRITE)
        .listed::<Appointment>("/v1/appointments")
        .scope(READ)
        .stream("appointments", Appointment::NAME)
        .post("/v1/appointments", book)
        .scope(WRITE)
        .readable::<Appointment>("/v1/appointments/<appointment-id>")
        .scope(READ)
        .put("/v1/appointments/<appointment-id>", change)
        .scope(WRITE)
        .post("/v1/appointments/<appointment-id>/confirm", confirm)
        .scope(WRITE)
        .post("/v1/appointments/<appointment-id>/reschedule", reschedule)
        .scope(WRITE)
        .post("/v1/appointments/<appointment-id>/cancel", cancel)
        .scope(WRITE)
}

/// Who may book, and who follows what is booked.
pub(super) fn lead_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .resource_for::<Lead>("/v1/leads", "/v1/leads/<lead-id>", READ, WRITE)
        .post("/v1/leads/<lead-id>/status", set_status)
        .scope(WRITE)
        .resource_for::<Calendar>("/v1/calendars", "/v1/calendars/<calendar-id>", READ, WRITE)
        .get("/v1/calendars/<calendar-id>/feed/<token>", feed)
        .public()
        .document("ics", ical::MEDIA_TYPE)
        .post("/v1/calendars/<calendar-id>/rotate", rotate)
        .scope(WRITE)
        .get("/v1/calendars/<calendar-id>/sync", sync_view)
        .scope(READ)
        .post("/v1/calendars/<calendar-id>/sync", sync_start)
        .scope(WRITE)
}

async fn find(
    State(app): State<App>,
    ctx: RequestContext,
    Json(request): Json<MatchRequest>,
) -> Result<Json<Vec<Match>>> {
    cataloghandler::find(&app, &ctx, &request).await.map(Json)
}

async fn quote(
    State(app): State<App>,
    ctx: RequestContext,
    Json(request): Json<QuoteRequest>,
) -> Result<Json<QuoteReply>> {
    cataloghandler::quoted(&app, &ctx, &request).await.map(Json)
}

async fn availabilities(
    State(app): State<App>,
    ctx: RequestContext,
    Query(query): Query<AvailabilityQuery>,
) -> Result<Json<Vec<Slot>>> {
    availabilityhandler::list(&app, &ctx, &query)
        .await
        .map(Json)
}

async fn validate(
    State(app): State<App>,
    ctx: RequestContext,
    Json(request): Json<AddressRequest>,
) -> Result<Json<AddressReply>> {
    addresshandler::validate(&app, &ctx, request)
        .await
        .map(Json)
}

async fn hold(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    PatchJson(patch): PatchJson<ReservationPatch>,
) -> Result<Json<Reservation>> {
    reservations::hold(&app, &ctx, named, &patch)
        .await
        .map(Json)
}

async fn book(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<AppointmentCreate>,
) -> Result<Json<Appointment>> {
    appointments::create(&app, &ctx, body).await.map(Json)
}

async fn change(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
    PatchFields(patch, fields): PatchFields<<Appointment as Resource>::Patch>,
) -> Result<Json<Appointment>> {
    changes::change(&app, &ctx, id, (&patch, &fields))
        .await
        .map(Json)
}

async fn confirm(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
) -> Result<Json<Appointment>> {
    changes::confirm(&app, &ctx, id).await.map(Json)
}

async fn cancel(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
    OptionalJson(body): OptionalJson<Cancellation>,
) -> Result<Json<Appointment>> {
    changes::cancel(&app, &ctx, id, &body).await.map(Json)
}

async fn reschedule(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
    Json(body): Json<Reschedule>,
) -> Result<Json<Appointment>> {
    changes::reschedule(&app, &ctx, id, &body).await.map(Json)
}

async fn set_status(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
    Json(body): Json<StatusChange>,
) -> Result<Json<Lead>> {
    leadhandler::set_status(&app, &ctx, id, &body)
        .await
        .map(Json)
}

async fn rotate(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
) -> Result<Json<Calendar>> {
    calendarhandler::rotate(&app, &ctx, id).await.map(Json)
}

async fn sync_view(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
) -> Result<Json<SyncView>> {
    calendarsynchandler::view(&app, &ctx, id).await.map(Json)
}

async fn sync_start(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
) -> Result<Json<SyncView>> {
    calendarsynchandler::start(&app, &ctx, id).await.map(Json)
}

async fn feed(
    State(app): State<App>,
    ctx: RequestContext,
    Path((id, token)): Path<(Uuid, String)>,
) -> Result<Json<Feed>> {
    calendarhandler::feed(&app, &ctx, id, &token)
        .await
        .map(Json)
}
