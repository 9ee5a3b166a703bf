//! `/v1/analytics`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, NamedTenant, Path, Query, State},
    models::{error::Result, identity::optional_owner, sock::Response},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    analyticshandler::{
        export::{self, Exported},
        metrics::{self, Metrics},
        report::{self, Parameters},
    },
    app::App,
    listenhandler::dids::ExportPage,
    models::{check::wrong, download::DownloadPage},
    tenancy,
};

/// What the figures of the day are told apart by.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Today {
    /// The tenant; a key that belongs to one leaves it out.
    #[serde(deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    /// As `group_by` of a report; without it there are totals only.
    by: Option<String>,
}

pub(super) async fn metrics(
    State(app): State<App>,
    ctx: RequestContext,
    Query(today): Query<Today>,
) -> Result<Json<Metrics>> {
    let customer = tenancy::customer(&app.store, &ctx, named(today.customer_id)).await?;
    metrics::make(&app, &customer, today.by.as_deref())
        .await
        .map(Json)
}

pub(super) async fn reports(
    State(app): State<App>,
    ctx: RequestContext,
    Query(sent): Query<Parameters>,
) -> Result<Response> {
    let customer = tenancy::customer(&app.store, &ctx, named(sent.customer_id)).await?;
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
    NamedTenant(in_query): NamedTenant,
    Json(sent): Json<Parameters>,
) -> Result<Json<Exported>> {
    let customer = named(sent.customer_id).or(in_query);
    let customer = tenancy::customer(&app.store, &ctx, customer).await?;
    export::export(&app, &ctx, &customer, &sent).await.map(Json)
}

pub(super) async fn fetch(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Query(wanted): Query<ExportPage>,
) -> Result<Json<DownloadPage>> {
    let customer = tenancy::customer(&app.store, &ctx, named(wanted.customer_id)).await?;
    let from = match wanted.page_token {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| wrong("page_token", "must be one that the page before gave"))?,
    };
    export::fetch(&app, &customer, id, from).await.map(Json)
}

/// A nil tenant is none.
fn named(customer_id: Option<Uuid>) -> Option<Uuid> {
    customer_id.filter(|id| !id.is_nil())
}
