//! `/v1/call_campaigns`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, Path, State},
    models::error::Result,
};

use crate::{app::App, callcampaignhandler, models::callcampaign::CallCampaign};

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<CallCampaign>>> {
    callcampaignhandler::list(&app, &ctx, wanted)
        .await
        .map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<CallCampaign>> {
    callcampaignhandler::get(&app, &ctx, id).await.map(Json)
}
