//! `/v1/outdials`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, Path, State},
    models::error::Result,
};

use crate::{
    app::App,
    models::{
        outdial::{CampaignChange, DataChange, Outdial, OutdialChange, OutdialPatch},
        outdialtargetcall::OutdialTargetCall,
    },
    outdialhandler::Stats,
};

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<OutdialPatch>,
) -> Result<Json<Outdial>> {
    app.outdials.create(&ctx, body).await.map(Json)
}

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    list: List,
) -> Result<Json<Vec<Outdial>>> {
    app.outdials.list(&ctx, list).await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Outdial>> {
    app.outdials.get(&ctx, id).await.map(Json)
}

pub(super) async fn update(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(change): Json<OutdialChange>,
) -> Result<Json<Outdial>> {
    app.outdials
        .update(&ctx, id, &change.into())
        .await
        .map(Json)
}

pub(super) async fn delete(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Outdial>> {
    app.outdials.delete(&ctx, id).await.map(Json)
}

pub(super) async fn set_campaign(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<CampaignChange>,
) -> Result<Json<Outdial>> {
    app.outdials.update(&ctx, id, &body.into()).await.map(Json)
}

pub(super) async fn set_data(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<DataChange>,
) -> Result<Json<Outdial>> {
    app.outdials.update(&ctx, id, &body.into()).await.map(Json)
}

pub(super) async fn stats(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Stats>> {
    app.outdials.stats(&ctx, id).await.map(Json)
}

pub(super) async fn list_calls(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    list: List,
) -> Result<Json<Vec<OutdialTargetCall>>> {
    app.outdials
        .list_calls(&ctx, id, list.page, &list.filters)
        .await
        .map(Json)
}
