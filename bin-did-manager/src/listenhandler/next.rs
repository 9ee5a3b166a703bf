//! `/v1/dids/next`: extract, ask, wrap.

use bin_common_handler::{
    call::Call,
    listenhandler::{Json, Query, Reply, State},
    models::{error::Result, sock::Response},
    resource::query_customer,
};
use serde_json::json;

use crate::{
    app::App,
    nexthandler::{Fields, Given, Outcome, Question},
    tenancy,
};

pub(super) async fn next(State(app): State<App>, call: Call, query: Query) -> Result<Response> {
    let named = query_customer(&query)?;
    let question = Question {
        customer_id: tenancy::owner(&app.store, &call, named).await?,
        access_key_id: call.access_key_id,
        fields: Fields::read(&query.0, call.client_request_id.as_deref()),
        operation: Given::of(&call),
        is_dry_run: query.0.get("dry_run").is_some_and(|text| text == "true"),
    };
    match app.next.next(question).await? {
        Outcome::Number(answer) => Ok(Json(answer).into_response()),
        Outcome::Ended { status, .. } => {
            // Never a number: this was the end of a call, not the beginning of one.
            let body =
                json!({"success": true, "message": "result noted", "result": status.as_str()});
            Ok(Response::ok(&body))
        }
    }
}
