//! `/v1/dids`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, Path, Query, State},
    models::{
        error::Result,
        flag::flag,
        page::{Page, ensure_known},
    },
    resource::{self, PatchJson, named_customer, query_customer},
};
use serde_json::{Map, Value};

use crate::{
    app::App,
    didhandler::{
        self, DidView, export,
        import::{self, Report, Wanted},
    },
    models::{
        customer::Customer,
        did::{Did, DidPatch},
        download::DownloadPage,
        limits::Remarked,
    },
};

type Fields = Map<String, Value>;

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
    PatchJson(patch): PatchJson<DidPatch>,
) -> Result<Json<Remarked<Did>>> {
    let named = query_customer(&query)?;
    let made = resource::create::<Did, App>(&app, &ctx, named, &patch).await?;
    Ok(Json(remarked(&app, made).await))
}

pub(super) async fn update(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    PatchJson(patch): PatchJson<DidPatch>,
) -> Result<Json<Remarked<Did>>> {
    let changed = resource::update::<Did, App>(&app, &ctx, id, &patch).await?;
    Ok(Json(remarked(&app, changed).await))
}

/// It is done already: that its customer cannot be read now is no fault of it.
async fn remarked(app: &App, did: Did) -> Remarked<Did> {
    let customer = app.store.get::<Customer>(did.customer_id).await;
    let limits = did.limits(&customer.ok().flatten().unwrap_or_default());
    Remarked::new(did, limits)
}

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<DidView>>> {
    didhandler::list(&app, &ctx, wanted).await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<DidView>> {
    didhandler::get(&app, &ctx, id).await.map(Json)
}

pub(super) async fn import(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
    Json(rows): Json<Vec<Fields>>,
) -> Result<Json<Report>> {
    ensure_known(&query.0, ["customer_id", "didpool_id", "update"])?;
    let pool = query.0.get("didpool_id").cloned().map(Value::String);
    let wanted = Wanted {
        customer_id: query_customer(&query)?,
        didpool_id: named_customer(pool.as_ref())?,
        update: flag("update", query.0.get("update").map(String::as_str))?,
    };
    import::import(&app, &ctx, wanted, &rows).await.map(Json)
}

pub(super) async fn export(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
) -> Result<Json<DownloadPage>> {
    ensure_known(&query.0, ["customer_id", "page_token"])?;
    let page = Page::parse(None, query.0.get("page_token").map(String::as_str))?;
    let named = query_customer(&query)?;
    export::export(&app, &ctx, named, page).await.map(Json)
}
