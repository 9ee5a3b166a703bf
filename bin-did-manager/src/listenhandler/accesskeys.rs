//! `/v1/accesskeys`: extract, call, wrap.

use bin_common_handler::{
    call::Call,
    listenhandler::{Json, Path, Query, State},
    models::error::Result,
    resource::{self, query_customer},
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
    call: Call,
    query: Query,
    Json(fields): Json<Fields>,
) -> Result<Json<NewKey>> {
    let named = query_customer(&query)?;
    accesskeyhandler::create(&app, &call, named, &fields)
        .await
        .map(Json)
}

pub(super) async fn update(
    State(app): State<App>,
    call: Call,
    Path(id): Path,
    Json(fields): Json<Fields>,
) -> Result<Json<Accesskey>> {
    accesskeyhandler::update(&app, &call, id, &fields)
        .await
        .map(Json)
}

pub(super) async fn delete(
    State(app): State<App>,
    call: Call,
    Path(id): Path,
) -> Result<Json<Accesskey>> {
    resource::delete(&app, &call, id).await.map(Json)
}

pub(super) async fn verify(
    State(app): State<App>,
    call: Call,
    Json(question): Json<Question>,
) -> Result<Json<Verdict>> {
    verify::verify(&app, &call, &question).await.map(Json)
}
