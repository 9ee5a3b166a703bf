//! `/v1/sip/frames`: extract, call, wrap.

use bin_common_handler::{
    listenhandler::{Json, State},
    models::{
        error::Result,
        frame::{Frame, Frames},
    },
};

use crate::{app::App, siphandler::socket};

pub(super) async fn frame(
    State(app): State<App>,
    Json(frame): Json<Frame>,
) -> Result<Json<Frames>> {
    socket::hear(&app, &frame).await.map(Json)
}
