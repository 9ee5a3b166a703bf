//! `/v1/accesskeys`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, NamedTenant, Path, State},
    models::error::Result,
    resource,
};
use serde_json::{Map, Value};

use crate::{
    accesskeyhandler::{
        self, NewKey,
        verify::{self, Question, Verdict},
    },
    app::App,
    models::accesskey::Accesskey,
};

type Fields = Map<String, Value>;

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    Json(fields): Json<Fields>,
) -> Result<Json<NewKey>> {
    accesskeyhandler::create(&app, &ctx, named, &fields)
        .await
        .map(Json)
}

pub(super) async fn update(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(fields): Json<Fields>,
) -> Result<Json<Accesskey>> {
    accesskeyhandler::update(&app, &ctx, id, &fields)
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
