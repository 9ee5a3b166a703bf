//! `/v1/dids`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, NamedTenant, Path, Query, State},
    models::{error::Result, identity::optional_owner, page::Page},
    resource::{self, PatchJson},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

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
    NamedTenant(named): NamedTenant,
    PatchJson(patch): PatchJson<DidPatch>,
) -> Result<Json<Remarked<Did>>> {
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

/// How an import treats its rows.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Import {
    /// The tenant; a key that belongs to one leaves it out.
    #[serde(deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    /// A pool that every number is put into.
    #[serde(deserialize_with = "optional_owner")]
    didpool_id: Option<Uuid>,
    /// Numbers that are there take the fields of their row.
    update: bool,
}

pub(super) async fn import(
    State(app): State<App>,
    ctx: RequestContext,
    Query(import): Query<Import>,
    Json(rows): Json<Vec<Fields>>,
) -> Result<Json<Report>> {
    let wanted = Wanted {
        customer_id: import.customer_id.filter(|id| !id.is_nil()),
        didpool_id: import.didpool_id.filter(|id| !id.is_nil()),
        update: import.update,
    };
    import::import(&app, &ctx, wanted, &rows).await.map(Json)
}

/// Which part of an export is wanted; the bridge asks for one after the other.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct ExportPage {
    /// The tenant; a key that belongs to one leaves it out.
    #[serde(deserialize_with = "optional_owner")]
    pub(super) customer_id: Option<Uuid>,
    /// What the part before gave.
    pub(super) page_token: Option<String>,
}

pub(super) async fn export(
    State(app): State<App>,
    ctx: RequestContext,
    Query(wanted): Query<ExportPage>,
) -> Result<Json<DownloadPage>> {
    let page = Page::parse(None, wanted.page_token.as_deref())?;
    let named = wanted.customer_id.filter(|id| !id.is_nil());
    export::export(&app, &ctx, named, page).await.map(Json)
}
