//! `/v1/didpools`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, Path, Query, State},
    models::{
        error::Result,
        page::{Page, ensure_known},
    },
    resource::{PatchJson, named_customer, query_customer},
};
use serde_json::Value;

use crate::{
    app::App,
    didhandler::DidView,
    didpoolhandler::{self, DidIds, PoolView},
    models::didpool::DidpoolPatch,
};

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
    PatchJson(patch): PatchJson<DidpoolPatch>,
) -> Result<Json<PoolView>> {
    let named = query_customer(&query)?;
    didpoolhandler::create(&app, &ctx, named, &patch)
        .await
        .map(Json)
}

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<PoolView>>> {
    didpoolhandler::list(&app, &ctx, wanted).await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<PoolView>> {
    didpoolhandler::get(&app, &ctx, id).await.map(Json)
}

pub(super) async fn update(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    PatchJson(patch): PatchJson<DidpoolPatch>,
) -> Result<Json<PoolView>> {
    didpoolhandler::update(&app, &ctx, id, &patch)
        .await
        .map(Json)
}

pub(super) async fn add(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<DidIds>,
) -> Result<Json<PoolView>> {
    didpoolhandler::change_members(&app, &ctx, id, &body.did_ids, true)
        .await
        .map(Json)
}

pub(super) async fn remove(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<DidIds>,
) -> Result<Json<PoolView>> {
    didpoolhandler::change_members(&app, &ctx, id, &body.did_ids, false)
        .await
        .map(Json)
}

pub(super) async fn members(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    query: Query,
) -> Result<Json<Vec<DidView>>> {
    ensure_known(&query.0, ["page_size", "page_token", "customer_id"])?;
    let page = Page::parse(query.0.get("page_size").map(String::as_str), None)?;
    let token = query.0.get("page_token").cloned().map(Value::String);
    let after = named_customer(token.as_ref())?.unwrap_or_default();
    didpoolhandler::list_members(&app, &ctx, id, after, page.size)
        .await
        .map(Json)
}
