//! `/v1/webhooks/twilio` and `/v1/inbound_calls`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Form, Json, List, Path, Raw, State},
    models::error::Result,
};

use crate::{
    app::App,
    inboundcallhandler::{self, CallForm, Kind, Twiml},
    models::inboundcall::InboundCall,
};

pub(super) async fn voice(
    State(app): State<App>,
    ctx: RequestContext,
    Form(form): Form<CallForm>,
    raw: Raw,
) -> Result<Json<Twiml>> {
    inboundcallhandler::receive(&app, &ctx, Kind::Voice, &form, &raw)
        .await
        .map(Json)
}

pub(super) async fn dialled(
    State(app): State<App>,
    ctx: RequestContext,
    Form(form): Form<CallForm>,
    raw: Raw,
) -> Result<Json<Twiml>> {
    inboundcallhandler::receive(&app, &ctx, Kind::Dialled, &form, &raw)
        .await
        .map(Json)
}

pub(super) async fn status(
    State(app): State<App>,
    ctx: RequestContext,
    Form(form): Form<CallForm>,
    raw: Raw,
) -> Result<Json<Twiml>> {
    inboundcallhandler::receive(&app, &ctx, Kind::Status, &form, &raw)
        .await
        .map(Json)
}

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<InboundCall>>> {
    inboundcallhandler::list(&app, &ctx, wanted).await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<InboundCall>> {
    inboundcallhandler::get(&app, &ctx, id).await.map(Json)
}
