//! `/v1/dids/next`: extract, ask, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, Query, Reply, State},
    models::{error::Result, flag::flag, sock::Response},
    resource::query_customer,
};
use uuid::Uuid;

use crate::{
    app::App,
    callresulthandler::{self, shapes},
    models::{callresult::CallResult, check::wrong},
    nexthandler::{Fields, Outcome, Question, RequestKey},
    phone::DialStatus,
    tenancy,
};

pub(super) async fn next(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
) -> Result<Response> {
    let named = query_customer(&query)?;
    ensure_format(&query)?;
    ensure_dry_run_is_spelt(&query)?;
    let customer_id = tenancy::owner(&app.store, &ctx, named).await?;
    let fields = Fields::read(&query.0, ctx.client_request_id.as_deref());
    let question = Question {
        customer_id,
        access_key_id: ctx.access_key_id,
        fields: fields.clone(),
        operation: RequestKey::of(&ctx),
        is_dry_run: flag("dry_run", query.0.get("dry_run").map(String::as_str))?,
    };
    match app.next.next(question).await? {
        Outcome::Number(answer) => Ok(Json(answer).into_response()),
        // Boxed, as it is large and seldom: else every request would carry room for it.
        Outcome::Ended(status) => Box::pin(ended(&app, &ctx, customer_id, &fields, status)).await,
    }
}

/// Dialers send anything, so what is not known is passed over; but a dry run that is misspelt would count a call.
fn ensure_dry_run_is_spelt(query: &Query) -> Result<()> {
    let means_it = |name: &str| {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).eq("dryrun".chars())
    };
    if query
        .0
        .keys()
        .any(|name| name != "dry_run" && means_it(name))
    {
        return Err(wrong("dry_run", "must be written so, in small letters"));
    }
    Ok(())
}

/// The bridge makes bare text of the answer, where it is asked to.
fn ensure_format(query: &Query) -> Result<()> {
    let format = query.0.get("format").map_or("", |text| text.trim());
    let is_known = ["", "json", "text"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(format));
    if is_known {
        return Ok(());
    }
    Err(wrong("format", "must be json or text"))
}

/// The end of a call, not the beginning of one: never answered with a number.
async fn ended(
    app: &App,
    ctx: &RequestContext,
    customer_id: Uuid,
    fields: &Fields,
    status: DialStatus,
) -> Result<Response> {
    let customer = tenancy::customer(&app.store, ctx, Some(customer_id)).await?;
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
    let reported = callresulthandler::report(app, ctx, &customer, &result).await?;
    Ok(Json(reported).into_response())
}
