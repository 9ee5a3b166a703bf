//! `/v1/pings`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, NamedTenant, OptionalJson, Path, State},
    models::error::Result,
};

use crate::{
    app::App,
    models::ping::PingReply,
    pinghandler::{self, Acceptance, PingCreate},
};

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    Json(body): Json<PingCreate>,
) -> Result<Json<PingReply>> {
    pinghandler::ping(&app, &ctx, named, body).await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<PingReply>> {
    pinghandler::get(&app, &ctx, id).await.map(Json)
}

pub(super) async fn accept(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    OptionalJson(body): OptionalJson<Acceptance>,
) -> Result<Json<PingReply>> {
    pinghandler::accept(&app, &ctx, id, &body).await.map(Json)
}
