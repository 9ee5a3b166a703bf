//! `/v1/bid_profiles`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, Path, Query, State},
    models::error::Result,
    resource::{self, query_customer},
};
use serde_json::{Map, Value};

use crate::{app::App, bidprofilehandler, models::bidprofile::BidProfile};

type Fields = Map<String, Value>;

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
    Json(fields): Json<Fields>,
) -> Result<Json<BidProfile>> {
    let named = query_customer(&query)?;
    bidprofilehandler::create(&app, &ctx, named, &fields)
        .await
        .map(Json)
}

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<BidProfile>>> {
    bidprofilehandler::list(&app, &ctx, wanted).await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<BidProfile>> {
    bidprofilehandler::get(&app, &ctx, id).await.map(Json)
}

pub(super) async fn update(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(fields): Json<Fields>,
) -> Result<Json<BidProfile>> {
    let seen = bidprofilehandler::get(&app, &ctx, id).await?;
    resource::update(&app, &ctx, seen.id, &fields)
        .await
        .map(Json)
}

pub(super) async fn delete(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<BidProfile>> {
    let seen = bidprofilehandler::get(&app, &ctx, id).await?;
    resource::delete(&app, &ctx, seen.id).await.map(Json)
}
