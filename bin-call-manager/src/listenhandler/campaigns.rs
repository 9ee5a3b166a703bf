//! `/v1/call_campaigns`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, Path, State},
    models::error::Result,
};

use serde_json::Value;

use crate::{app::App, callcampaignhandler};

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Value>>> {
    callcampaignhandler::list(&app, &ctx, wanted)
        .await
        .map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Value>> {
    callcampaignhandler::get(&app, &ctx, id).await.map(Json)
}
