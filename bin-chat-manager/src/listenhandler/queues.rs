//! Presence, queues and offers: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, OptionalJson, Path, Routes, State},
    models::error::Result,
};

use super::{READ, WRITE, sockets};
use crate::{
    app::App,
    models::{
        agent::Agent,
        offer::{self, Offer},
        presence::{self, Presence},
        queue::Queue,
        queueentry::{self, QueueEntry},
    },
    presencehandler::{self, Heartbeat},
    queuehandler::{
        answer::{self, Answerer},
        enter::{self, Assignment, Escalation, Transfer},
        view::{self, QueueEntryView},
    },
};

/// Who answers, where chats wait, and who is there.
pub(super) fn routes(routes: Routes<App>) -> Routes<App> {
    let routes = routes
        .resource_for::<Agent>("/v1/agents", "/v1/agents/<agent-id>", READ, WRITE)
        .resource_for::<Queue>("/v1/queues", "/v1/queues/<queue-id>", READ, WRITE)
        .get("/v1/queue_entries", entries)
        .filtered_by(queueentry::FILTERS)
        .scope(READ)
        .stream("queue_entries", "queueentry")
        .get("/v1/queues/<queue-id>/room", queue_room)
        .internal()
        .scope(READ)
        .room(sockets::QUEUE)
        .get("/v1/queue_entries/<queue-entry-id>", entry)
        .scope(READ)
        .put("/v1/presence", beat)
        .scope(WRITE)
        // A heartbeat may come twice, and leaves nothing behind by which it would be known again.
        .post_without_effect("/v1/presence", beat)
        .scope(WRITE)
        .get("/v1/presences", presences)
        .filtered_by(presence::FILTERS)
        .scope(READ)
        .stream("presences", "presence");
    offer_routes(routes)
}

/// How a conversation finds its agent.
fn offer_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .get("/v1/offers", list)
        .filtered_by(offer::FILTERS)
        .scope(READ)
        .stream("offers", "offer")
        .room(sockets::ME)
        .get("/v1/offers/<offer-id>", get)
        .scope(READ)
        .post("/v1/offers/<offer-id>/accept", accept)
        .scope(WRITE)
        .post("/v1/offers/<offer-id>/decline", decline)
        .scope(WRITE)
        .post("/v1/conversations/<conversation-id>/escalate", escalate)
        .scope(WRITE)
        .post("/v1/conversations/<conversation-id>/transfer", transfer)
        .scope(WRITE)
        .post("/v1/conversations/<conversation-id>/assign", assign)
        .scope(WRITE)
}

async fn beat(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<Heartbeat>,
) -> Result<Json<Presence>> {
    presencehandler::beat(&app, &ctx, &body).await.map(Json)
}

async fn queue_room(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Queue>> {
    view::room(&app, &ctx, id).await.map(Json)
}

async fn presences(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Presence>>> {
    presencehandler::list(&app, &ctx, wanted).await.map(Json)
}

async fn entries(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<QueueEntry>>> {
    view::list(&app, &ctx, wanted).await.map(Json)
}

async fn entry(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<QueueEntryView>> {
    view::get(&app, &ctx, id).await.map(Json)
}

async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Offer>>> {
    answer::list(&app, &ctx, wanted).await.map(Json)
}

async fn get(State(app): State<App>, ctx: RequestContext, Path(id): Path) -> Result<Json<Offer>> {
    answer::get(&app, &ctx, id).await.map(Json)
}

async fn accept(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    OptionalJson(by): OptionalJson<Answerer>,
) -> Result<Json<Offer>> {
    answer::accept(&app, &ctx, id, &by).await.map(Json)
}

async fn decline(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    OptionalJson(by): OptionalJson<Answerer>,
) -> Result<Json<Offer>> {
    answer::decline(&app, &ctx, id, &by).await.map(Json)
}

async fn escalate(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<Escalation>,
) -> Result<Json<QueueEntry>> {
    enter::escalate(&app, &ctx, id, &body).await.map(Json)
}

async fn transfer(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<Transfer>,
) -> Result<Json<QueueEntry>> {
    enter::transfer(&app, &ctx, id, &body).await.map(Json)
}

async fn assign(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<Assignment>,
) -> Result<Json<QueueEntry>> {
    enter::assign(&app, &ctx, id, body.agent_id).await.map(Json)
}
