//! What other services ask about a person: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, State},
    models::error::Result,
    subjects::Subject,
};

use crate::{
    app::App,
    subjecthandler::{self, Known},
};

pub(super) async fn lookup(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<Subject>,
) -> Result<Json<Known>> {
    subjecthandler::known(&app, &ctx, &body).await.map(Json)
}
