//! `/v1/webhooks/twilio`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, Raw, State},
    models::error::Result,
};

use crate::{
    app::App,
    webhookhandler::{self, Twiml},
};

pub(super) async fn sms(
    State(app): State<App>,
    ctx: RequestContext,
    raw: Raw,
) -> Result<Json<Twiml>> {
    webhookhandler::sms(&app, &ctx, &raw).await.map(Json)
}

pub(super) async fn sms_status(
    State(app): State<App>,
    ctx: RequestContext,
    raw: Raw,
) -> Result<Json<Twiml>> {
    webhookhandler::sms_status(&app, &ctx, &raw).await.map(Json)
}
