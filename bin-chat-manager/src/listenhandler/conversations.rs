//! `/v1/conversations`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, OptionalJson, Path, Query, State},
    models::error::Result,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    app::App,
    conversationhandler::{
        self,
        people::{self, Actor, MessageCreate},
        sight,
        takeover::{self, TakenOver},
    },
    models::{conversation::Conversation, message::Message, summary::Summary},
    searchhandler::{self, Hits, SearchQuery},
    summaryhandler,
    workhandler::{self, Caller, Promise},
};

/// Which messages.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Wanted {
    /// Only after this number, the oldest first.
    after_seq: Option<i64>,
    /// Only before this number.
    before_seq: Option<i64>,
    /// Only private notes, those after this number of theirs.
    after_note_seq: Option<i64>,
    /// So many, at most 1,000; 100 where it is missing.
    limit: Option<i64>,
}

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Conversation>>> {
    sight::list(&app, &ctx, wanted).await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Conversation>> {
    sight::get(&app, &ctx, id).await.map(Json)
}

pub(super) async fn messages(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Message>>> {
    let Wanted {
        after_seq,
        before_seq,
        after_note_seq,
        limit,
    } = wanted;
    if let Some(after) = after_note_seq {
        return conversationhandler::notes(&app, &ctx, id, after, limit)
            .await
            .map(Json);
    }
    conversationhandler::messages(&app, &ctx, id, after_seq, before_seq, limit)
        .await
        .map(Json)
}

pub(super) async fn write(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<MessageCreate>,
) -> Result<Json<Message>> {
    people::write(&app, &ctx, id, &body).await.map(Json)
}

pub(super) async fn takeover(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    OptionalJson(by): OptionalJson<Actor>,
) -> Result<Json<TakenOver>> {
    takeover::takeover(&app, &ctx, id, &by).await.map(Json)
}

pub(super) async fn release(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Conversation>> {
    people::release(&app, &ctx, id).await.map(Json)
}

pub(super) async fn close(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Conversation>> {
    people::close(&app, &ctx, id).await.map(Json)
}

pub(super) async fn reopen(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Conversation>> {
    people::reopen(&app, &ctx, id).await.map(Json)
}

pub(super) async fn search(
    State(app): State<App>,
    ctx: RequestContext,
    Query(wanted): Query<SearchQuery>,
) -> Result<Json<Hits>> {
    searchhandler::search(&app, &ctx, &wanted).await.map(Json)
}

pub(super) async fn summary(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Query(wanted): Query<summaryhandler::Wanted>,
) -> Result<Json<Summary>> {
    summaryhandler::get(&app, &ctx, id, &wanted).await.map(Json)
}

pub(super) async fn promise(
    State(app): State<App>,
    ctx: RequestContext,
    Json(caller): Json<Caller>,
) -> Result<Json<Promise>> {
    workhandler::promise(&app, &ctx, &caller).await.map(Json)
}
