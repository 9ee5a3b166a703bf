//! Widgets and visitors: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, OptionalJson, Path, Query, Raw, Routes, State},
    models::error::Result,
};

use super::{READ, WRITE};
use crate::{
    app::App,
    models::{cannedresponse::CannedResponse, csat::Csat, widget::Widget},
    sessionhandler::{
        self, SESSIONS_OF_ADDRESS, SessionView,
        visitor::{self, Bearer, CsatCreate, History, VisitorAnswer, VisitorMessageCreate},
    },
    transcripthandler::{self, Mailed, Transcript, TranscriptMail, TranscriptQuery},
    visitoremailhandler::{self, EmailConfirm, EmailCreate, EmailView},
};

/// Widgets, and what visitors do.
pub(super) fn routes(routes: Routes<App>) -> Routes<App> {
    routes
        .resource_for::<Widget>("/v1/widgets", "/v1/widgets/<widget-id>", READ, WRITE)
        .resource_for::<CannedResponse>(
            "/v1/canned_responses",
            "/v1/canned_responses/<canned-response-id>",
            READ,
            WRITE,
        )
        .post("/v1/chat_sessions", create)
        .public()
        .raw(&["origin"])
        .address_rate(SESSIONS_OF_ADDRESS)
        .post("/v1/chat_sessions/<chat-session-id>/messages", say)
        .public()
        .for_visitors()
        .post_without_effect("/v1/chat_sessions/<chat-session-id>/history", history)
        .public()
        .for_visitors()
        .post("/v1/chat_sessions/<chat-session-id>/end", end)
        .public()
        .post("/v1/conversations/<conversation-id>/csat", rate)
        .public()
        .get("/v1/conversations/<conversation-id>/transcript", transcript)
        .scope(READ)
        .text("text")
        .post(
            "/v1/conversations/<conversation-id>/transcript",
            mail_transcript,
        )
        .scope(WRITE)
        .post("/v1/chat_sessions/<chat-session-id>/email", name_email)
        .public()
        .for_visitors()
        .post(
            "/v1/chat_sessions/<chat-session-id>/email/confirm",
            confirm_email,
        )
        .public()
        .for_visitors()
        .post(
            "/v1/chat_sessions/<chat-session-id>/transcript",
            mail_own_transcript,
        )
        .public()
        .for_visitors()
}

async fn mail_transcript(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    OptionalJson(body): OptionalJson<TranscriptMail>,
) -> Result<Json<Mailed>> {
    transcripthandler::mail(&app, &ctx, id, &body)
        .await
        .map(Json)
}

async fn name_email(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<EmailCreate>,
) -> Result<Json<EmailView>> {
    visitoremailhandler::name(&app, &ctx, id, &body)
        .await
        .map(Json)
}

async fn confirm_email(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<EmailConfirm>,
) -> Result<Json<EmailView>> {
    visitoremailhandler::confirm(&app, &ctx, id, &body)
        .await
        .map(Json)
}

async fn mail_own_transcript(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<Bearer>,
) -> Result<Json<Mailed>> {
    transcripthandler::mail_visitor(&app, &ctx, id, &body)
        .await
        .map(Json)
}

async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    raw: Raw,
) -> Result<Json<SessionView>> {
    sessionhandler::create(&app, &ctx, &raw).await.map(Json)
}

async fn say(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<VisitorMessageCreate>,
) -> Result<Json<VisitorAnswer>> {
    visitor::say(&app, &ctx, id, &body).await.map(Json)
}

async fn history(
    State(app): State<App>,
    Path(id): Path,
    Json(body): Json<History>,
) -> Result<Json<VisitorAnswer>> {
    visitor::history(&app, id, &body).await.map(Json)
}

async fn end(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<Bearer>,
) -> Result<Json<()>> {
    sessionhandler::end(&app, &ctx, id, &body.token)
        .await
        .map(Json)
}

async fn rate(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<CsatCreate>,
) -> Result<Json<Csat>> {
    visitor::rate(&app, &ctx, id, &body).await.map(Json)
}

async fn transcript(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Query(wanted): Query<TranscriptQuery>,
) -> Result<Json<Transcript>> {
    wanted.check()?;
    transcripthandler::get(&app, &ctx, id).await.map(Json)
}
