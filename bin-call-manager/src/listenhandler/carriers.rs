//! `/v1/webhooks/call_campaigns`: extract, call, wrap.

use bin_common_handler::{
    listenhandler::{Form, Json, Path, Query, Raw, State},
    models::error::Result,
};
use serde::Serialize;

use crate::{
    app::App,
    carrierhandler::{self, CarrierForm},
};

/// What a carrier is to do with a call.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct Twiml {
    /// XML.
    text: String,
}

fn wrap(text: String) -> Json<Twiml> {
    Json(Twiml { text })
}

fn bid_id(query: &Query) -> &str {
    query.0.get("bid_id").map_or("", String::as_str)
}

pub(super) async fn voice(
    State(app): State<App>,
    Path(id): Path,
    raw: Raw,
    Form(form): Form<CarrierForm>,
) -> Result<Json<Twiml>> {
    carrierhandler::voice(&app, id, &raw, &form).await.map(wrap)
}

pub(super) async fn dialed(
    State(app): State<App>,
    Path(id): Path,
    query: Query,
    raw: Raw,
    Form(form): Form<CarrierForm>,
) -> Result<Json<Twiml>> {
    carrierhandler::dialed(&app, id, bid_id(&query), &raw, &form)
        .await
        .map(wrap)
}

pub(super) async fn leg(
    State(app): State<App>,
    Path(id): Path,
    query: Query,
    raw: Raw,
    Form(form): Form<CarrierForm>,
) -> Result<Json<Twiml>> {
    carrierhandler::leg(&app, id, bid_id(&query), &raw, &form)
        .await
        .map(wrap)
}

pub(super) async fn whisper(
    State(app): State<App>,
    Path(id): Path,
    raw: Raw,
    Form(form): Form<CarrierForm>,
) -> Result<Json<Twiml>> {
    carrierhandler::whisper(&app, id, &raw, &form)
        .await
        .map(wrap)
}
