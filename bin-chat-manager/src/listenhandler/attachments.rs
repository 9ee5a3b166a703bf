//! Attachments: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, Path, Query, Routes, State},
    models::error::Result,
};

use super::{READ, WRITE};
use crate::{
    app::App,
    attachmenthandler::{self, AttachmentCreate, AttachmentView, Content, Shown},
    sessionhandler::{
        files::{self, VisitorAttachmentCreate},
        visitor::VisitorAnswer,
    },
};

/// Files that are said.
pub(super) fn routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/conversations/<conversation-id>/attachments", create)
        .scope(WRITE)
        .post("/v1/chat_sessions/<chat-session-id>/attachments", bring)
        .public()
        .for_visitors()
        .large()
        .get("/v1/attachments/<attachment-id>", get)
        .scope(READ)
        .get("/v1/attachments/<attachment-id>/content", content)
        .public()
        .file()
}

async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<AttachmentCreate>,
) -> Result<Json<AttachmentView>> {
    attachmenthandler::create(&app, &ctx, id, &body)
        .await
        .map(Json)
}

async fn bring(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<VisitorAttachmentCreate>,
) -> Result<Json<VisitorAnswer>> {
    files::create(&app, &ctx, id, &body).await.map(Json)
}

async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<AttachmentView>> {
    attachmenthandler::get(&app, &ctx, id).await.map(Json)
}

async fn content(
    State(app): State<App>,
    Path(id): Path,
    Query(shown): Query<Shown>,
) -> Result<Json<Content>> {
    attachmenthandler::content(&app, id, &shown).await.map(Json)
}
