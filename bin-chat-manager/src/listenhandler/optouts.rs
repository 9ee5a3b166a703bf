//! `/v1/optouts`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, Query, State},
    models::error::Result,
    subjects::Subject,
};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    contacthandler::{self, OptOutState},
    conversationhandler::{
        optouts::{self, Decision, OptOutCreate},
        question,
    },
    models::contact::Contact,
    subjecthandler::{self, Known},
};

/// Of which number.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Lookup {
    /// The number.
    number: String,
    /// The tenant, for callers without one.
    customer_id: Option<Uuid>,
}

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Contact>>> {
    contacthandler::list(&app, &ctx, wanted).await.map(Json)
}

pub(super) async fn paused(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Contact>>> {
    contacthandler::paused(&app, &ctx, wanted).await.map(Json)
}

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<OptOutCreate>,
) -> Result<Json<Contact>> {
    optouts::create(&app, &ctx, &body).await.map(Json)
}

pub(super) async fn decide(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<Decision>,
) -> Result<Json<Contact>> {
    optouts::decide(&app, &ctx, &body).await.map(Json)
}

pub(super) async fn lookup(
    State(app): State<App>,
    ctx: RequestContext,
    Query(query): Query<Lookup>,
) -> Result<Json<OptOutState>> {
    contacthandler::state(&app, &ctx, query.customer_id, &query.number)
        .await
        .map(Json)
}

pub(super) async fn subject(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<Subject>,
) -> Result<Json<Known>> {
    subjecthandler::known(&app, &ctx, &body).await.map(Json)
}

pub(super) async fn ask(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<OptOutCreate>,
) -> Result<Json<Contact>> {
    question::ask(&app, &ctx, &body).await.map(Json)
}
