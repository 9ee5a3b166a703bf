//! `/v1/dids/next`: extract, ask, wrap.

use bin_common_handler::{
    call::Call,
    listenhandler::{Json, Query, Reply, State},
    models::{error::Result, sock::Response},
    resource::query_customer,
};
use uuid::Uuid;

use crate::{
    app::App,
    callresulthandler::{self, shapes},
    models::callresult::CallResult,
    nexthandler::{Fields, Given, Outcome, Question},
    phone::DialStatus,
    tenancy,
};

pub(super) async fn next(State(app): State<App>, call: Call, query: Query) -> Result<Response> {
    let named = query_customer(&query)?;
    let customer_id = tenancy::owner(&app.store, &call, named).await?;
    let fields = Fields::read(&query.0, call.client_request_id.as_deref());
    let question = Question {
        customer_id,
        access_key_id: call.access_key_id,
        fields: fields.clone(),
        operation: Given::of(&call),
        is_dry_run: query.0.get("dry_run").is_some_and(|text| text == "true"),
    };
    match app.next.next(question).await? {
        Outcome::Number(answer) => Ok(Json(answer).into_response()),
        // Boxed, as it is large and seldom: else every request would carry room for it.
        Outcome::Ended(status) => Box::pin(ended(&app, &call, customer_id, &fields, status)).await,
    }
}

/// The end of a call, not the beginning of one: never answered with a number.
async fn ended(
    app: &App,
    call: &Call,
    customer_id: Uuid,
    fields: &Fields,
    status: DialStatus,
) -> Result<Response> {
    let customer = tenancy::customer(&app.store, call, Some(customer_id)).await?;
    let Fields {
        agent,
        campaign,
        uniqueid,
        call_id,
        ..
    } = fields;
    let result = CallResult {
        call_id: call_id.clone(),
        ..shapes::next(status, agent, campaign, uniqueid, &customer)
    };
    let reported = callresulthandler::report(app, call, &customer, &result).await?;
    Ok(Json(reported).into_response())
}
