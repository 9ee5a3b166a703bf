//! Every URI of the daemon.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, Path, Raw, Routes, State},
    models::{error::Result, money::Money},
};

use crate::{models::Note, notehandler::NoteHandler};

/// The route table.
pub(crate) fn routes() -> Routes<NoteHandler> {
    Routes::default()
        .listed::<Note>("/v1/notes")
        .stream("notes", "note")
        .changeable::<Note>("/v1/notes", "/v1/notes/<note-id>")
        .readable::<Note>("/v1/notes/<note-id>")
        .get("/v1/notes/<note-id>/fee", fee)
        .post("/v1/notes/<note-id>/inbound", inbound)
        .public()
        .raw(&["x-signature"])
        .deferred()
}

async fn fee(
    State(notes): State<NoteHandler>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Money>> {
    notes.fee(&ctx, id).await.map(Json)
}

async fn inbound(
    State(notes): State<NoteHandler>,
    ctx: RequestContext,
    Path(id): Path,
    raw: Raw,
) -> Result<Json<()>> {
    notes.receive(&ctx, id, &raw).await.map(Json)
}
