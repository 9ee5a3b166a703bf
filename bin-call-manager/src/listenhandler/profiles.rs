//! `/v1/bid_profiles`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, NamedTenant, Path, State},
    models::error::Result,
    resource::{self, PatchJson},
};

use crate::{
    app::App,
    bidprofilehandler,
    models::bidprofile::{BidProfile, BidProfilePatch},
};

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    PatchJson(patch): PatchJson<BidProfilePatch>,
) -> Result<Json<BidProfile>> {
    bidprofilehandler::create(&app, &ctx, named, &patch)
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
    PatchJson(patch): PatchJson<BidProfilePatch>,
) -> Result<Json<BidProfile>> {
    let seen = bidprofilehandler::get(&app, &ctx, id).await?;
    resource::update(&app, &ctx, seen.id, &patch)
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
