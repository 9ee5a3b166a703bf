//! Targets: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, OptionalJson, Path, Query, State},
    models::error::Result,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    app::App,
    models::{
        outdialtarget::{
            AvailableBody, BulkReport, OutdialTarget, ProgressingBody, StatusBody, TargetCreate,
        },
        outdialtargetcall::OutdialTargetCall,
    },
};

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    Path(outdial_id): Path,
    Json(body): Json<TargetCreate>,
) -> Result<Json<OutdialTarget>> {
    app.targets.create(&ctx, outdial_id, body).await.map(Json)
}

pub(super) async fn create_bulk(
    State(app): State<App>,
    ctx: RequestContext,
    Path(outdial_id): Path,
    Json(rows): Json<Vec<serde_json::Value>>,
) -> Result<Json<BulkReport>> {
    app.targets
        .create_bulk(&ctx, outdial_id, rows)
        .await
        .map(Json)
}

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    Path(outdial_id): Path,
    list: List,
) -> Result<Json<Vec<OutdialTarget>>> {
    app.targets
        .list(&ctx, outdial_id, list.page, &list.filters)
        .await
        .map(Json)
}

/// What the query may hold.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Available {
    /// The first destination may be called while its count is below this. Without any of the five nobody is handed out.
    try_count_0: Option<u32>,
    /// The second.
    try_count_1: Option<u32>,
    /// The third.
    try_count_2: Option<u32>,
    /// The fourth.
    try_count_3: Option<u32>,
    /// The fifth.
    try_count_4: Option<u32>,
    /// Targets at most, 1 to 1000.
    limit: Option<u32>,
    /// 0 looks without taking.
    lease: Option<u32>,
    /// Not looked at, like those below: older callers send them.
    #[serde(rename = "customer_id")]
    _customer_id: Option<String>,
    #[serde(rename = "page_size")]
    _page_size: Option<String>,
    #[serde(rename = "page_token")]
    _page_token: Option<String>,
}

/// The limits stand in the query or in the body; the body wins.
pub(super) async fn available(
    State(app): State<App>,
    ctx: RequestContext,
    Path(outdial_id): Path,
    Query(query): Query<Available>,
    OptionalJson(body): OptionalJson<AvailableBody>,
) -> Result<Json<Vec<OutdialTarget>>> {
    let wanted = AvailableBody {
        try_count_0: body.try_count_0.or(query.try_count_0),
        try_count_1: body.try_count_1.or(query.try_count_1),
        try_count_2: body.try_count_2.or(query.try_count_2),
        try_count_3: body.try_count_3.or(query.try_count_3),
        try_count_4: body.try_count_4.or(query.try_count_4),
        limit: body.limit.or(query.limit),
        lease: body.lease.or(query.lease),
    };
    app.targets
        .available(&ctx, outdial_id, wanted)
        .await
        .map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<OutdialTarget>> {
    app.targets.get(&ctx, id).await.map(Json)
}

pub(super) async fn delete(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<OutdialTarget>> {
    app.targets.delete(&ctx, id).await.map(Json)
}

pub(super) async fn progress(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    OptionalJson(body): OptionalJson<ProgressingBody>,
) -> Result<Json<OutdialTarget>> {
    app.targets
        .progress(&ctx, id, body.destination_index)
        .await
        .map(Json)
}

pub(super) async fn set_status(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<StatusBody>,
) -> Result<Json<OutdialTarget>> {
    app.targets
        .set_status(&ctx, id, body.status)
        .await
        .map(Json)
}

pub(super) async fn list_calls(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    list: List,
) -> Result<Json<Vec<OutdialTargetCall>>> {
    app.targets
        .list_calls(&ctx, id, list.page, &list.filters)
        .await
        .map(Json)
}
