//! `/v1/accesskeys`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, NamedTenant, Path, State},
    models::error::Result,
    resource::{self, PatchJson},
};

use crate::{
    accesskeyhandler::{
        self, NewKey,
        verify::{self, Question, Verdict},
    },
    app::App,
    models::accesskey::{Accesskey, AccesskeyPatch},
};

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    PatchJson(patch): PatchJson<AccesskeyPatch>,
) -> Result<Json<NewKey>> {
    accesskeyhandler::create(&app, &ctx, named, &patch)
        .await
        .map(Json)
}

pub(super) async fn update(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    PatchJson(patch): PatchJson<AccesskeyPatch>,
) -> Result<Json<Accesskey>> {
    accesskeyhandler::update(&app, &ctx, id, &patch)
        .await
        .map(Json)
}

pub(super) async fn delete(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Accesskey>> {
    resource::delete(&app, &ctx, id).await.map(Json)
}

pub(super) async fn verify(
    State(app): State<App>,
    ctx: RequestContext,
    Json(question): Json<Question>,
) -> Result<Json<Verdict>> {
    verify::verify(&app, &ctx, &question).await.map(Json)
}
