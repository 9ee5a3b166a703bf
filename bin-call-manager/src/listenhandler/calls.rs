//! `/v1/calls` and `/v1/refunds`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, NamedTenant, Path, State},
    models::error::Result,
};
use serde_json::Value;

use crate::{
    app::App,
    callhandler::{
        self,
        create::{self, CallCreate},
    },
    models::{call::Call, refund::Refund},
    pinghandler,
    refundhandler::{self, RefundCreate},
    reporthandler::{self, ReferredReport, Report, Told},
    routehandler,
};

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    Json(body): Json<CallCreate>,
) -> Result<Json<Call>> {
    body.check_source()?;
    let call = if body.ping_id.is_some() {
        pinghandler::arrive(&app, &ctx, body).await
    } else {
        create::create(&app, &ctx, named, body).await
    };
    call.map(Json)
}

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Call>>> {
    callhandler::list(&app, &ctx, wanted).await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Call>> {
    callhandler::get(&app, &ctx, id).await.map(Json)
}

pub(super) async fn route(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Call>> {
    routehandler::route(&app, &ctx, id).await.map(Json)
}

pub(super) async fn report(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<Report>,
) -> Result<Json<Call>> {
    reporthandler::report(&app, &ctx, id, &body).await.map(Json)
}

pub(super) async fn report_by_reference(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    Json(body): Json<ReferredReport>,
) -> Result<Json<Call>> {
    reporthandler::report_by_reference(&app, &ctx, named, &body)
        .await
        .map(Json)
}

pub(super) async fn convert(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<Told>,
) -> Result<Json<Call>> {
    reporthandler::convert(&app, &ctx, id, &body)
        .await
        .map(Json)
}

pub(super) async fn explanation(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Value>> {
    routehandler::explanation(&app, &ctx, id).await.map(Json)
}

pub(super) async fn refund(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<RefundCreate>,
) -> Result<Json<Refund>> {
    refundhandler::create(&app, &ctx, &body).await.map(Json)
}
