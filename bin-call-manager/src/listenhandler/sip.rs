//! `/v1/sip/frames`: extract, call, wrap.

use bin_common_handler::{
    listenhandler::{Json, State},
    models::{
        error::{Error, Result},
        frame::{Frame, Frames},
    },
};

use crate::app::App;

pub(super) async fn frame(
    State(app): State<App>,
    Json(frame): Json<Frame>,
) -> Result<Json<Frames>> {
    let take = app
        .sip
        .get()
        .ok_or_else(|| Error::unavailable("sip", "frames come before the start is over"))?;
    take(app.clone(), frame).await.map(Json)
}
