//! `/v1/didpools`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, NamedTenant, Path, Query, State},
    models::{error::Result, identity::optional_owner, page::Page},
    resource::PatchJson,
};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    didhandler::{self, DidView},
    didpoolhandler::{self, DidIds, PoolView},
    models::didpool::DidpoolPatch,
};

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    PatchJson(patch): PatchJson<DidpoolPatch>,
) -> Result<Json<PoolView>> {
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

/// The part of a pool that is wanted: its numbers in the order of their ids.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Members {
    /// Numbers at most, 1 to 1,000; 100 when it is not said.
    page_size: Option<String>,
    /// The last id of the page before.
    #[serde(deserialize_with = "optional_owner")]
    page_token: Option<Uuid>,
    /// Not looked at: the pool says whose it is.
    #[serde(rename = "customer_id")]
    _customer_id: Option<String>,
}

pub(super) async fn members(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Query(wanted): Query<Members>,
) -> Result<Json<Vec<DidView>>> {
    let page = Page::parse(wanted.page_size.as_deref(), None)?;
    let after = wanted.page_token.unwrap_or_default();
    didhandler::list_of_pool(&app, &ctx, id, after, page.size)
        .await
        .map(Json)
}
