//! `/v1/analytics`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, Path, Query, State},
    models::{error::Result, page::ensure_known, sock::Response},
    resource::query_customer,
};
use serde_json::json;

use crate::{
    analyticshandler::{
        export::{self, Exported},
        metrics::{self, Metrics},
        report::{self, Parameters},
    },
    app::App,
    models::{check::wrong, download::DownloadPage},
    tenancy,
};

pub(super) async fn metrics(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
) -> Result<Json<Metrics>> {
    let named = query_customer(&query)?;
    let customer = tenancy::customer(&app.store, &ctx, named).await?;
    ensure_known(&query.0, ["customer_id", "by"])?;
    let by = query.0.get("by").map(String::as_str);
    metrics::make(&app, &customer, by).await.map(Json)
}

pub(super) async fn reports(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
) -> Result<Response> {
    let named = query_customer(&query)?;
    let customer = tenancy::customer(&app.store, &ctx, named).await?;
    ensure_known(
        &query.0,
        ["customer_id", "from", "to", "group_by", "format"],
    )?;
    let text = |name: &str| query.0.get(name).cloned().unwrap_or_default();
    let sent = Parameters {
        from: text("from"),
        to: text("to"),
        group_by: text("group_by"),
        format: text("format"),
        customer_id: None,
    };
    let asked = report::read(&sent, &customer, app.store.clock.now(), report::ROWS_MAX)?;
    let is_csv = match sent.format.trim().to_ascii_lowercase().as_str() {
        "" | "json" => false,
        "csv" => true,
        _ => return Err(wrong("format", "must be json or csv")),
    };
    let made = report::make(&app, &customer, &asked).await?;
    Ok(if is_csv {
        Response::ok(&json!({"text": report::csv(&made.rows)}))
    } else {
        Response::ok(&made)
    })
}

pub(super) async fn export(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
    Json(sent): Json<Parameters>,
) -> Result<Json<Exported>> {
    let in_body = sent.customer_id.filter(|id| !id.is_nil());
    let named = in_body.or(query_customer(&query)?);
    let customer = tenancy::customer(&app.store, &ctx, named).await?;
    export::export(&app, &ctx, &customer, &sent).await.map(Json)
}

pub(super) async fn fetch(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    query: Query,
) -> Result<Json<DownloadPage>> {
    let named = query_customer(&query)?;
    let customer = tenancy::customer(&app.store, &ctx, named).await?;
    ensure_known(&query.0, ["customer_id", "page_token"])?;
    let from = match query.0.get("page_token").map(String::as_str) {
        None | Some("") => 0,
        Some(token) => token
            .parse()
            .map_err(|_| wrong("page_token", "must be one that the page before gave"))?,
    };
    export::fetch(&app, &customer, id, from).await.map(Json)
}
