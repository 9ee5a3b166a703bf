//! `/v1/fraud`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, State},
    models::error::Result,
};

use crate::{app::App, fraudhandler, models::fraudcheck::FraudCheck};

pub(super) async fn checks(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<FraudCheck>>> {
    fraudhandler::list(&app, &ctx, wanted).await.map(Json)
}
