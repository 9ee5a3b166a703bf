//! `/v1/dids`: extract, call, wrap.

use bin_common_handler::{
    call::Call,
    listenhandler::{Json, List, Path, Query, State},
    models::{error::Result, page::Page},
    resource::{named_customer, query_customer},
};
use serde_json::{Map, Value};

use crate::{
    app::App,
    didhandler::{
        self, DidView, export,
        import::{self, Report, Wanted},
    },
    models::download::DownloadPage,
};

type Fields = Map<String, Value>;

pub(super) async fn list(
    State(app): State<App>,
    call: Call,
    wanted: List,
) -> Result<Json<Vec<DidView>>> {
    didhandler::list(&app, &call, wanted).await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    call: Call,
    Path(id): Path,
) -> Result<Json<DidView>> {
    didhandler::get(&app, &call, id).await.map(Json)
}

pub(super) async fn import(
    State(app): State<App>,
    call: Call,
    query: Query,
    Json(rows): Json<Vec<Fields>>,
) -> Result<Json<Report>> {
    let pool = query.0.get("didpool_id").cloned().map(Value::String);
    let wanted = Wanted {
        customer_id: query_customer(&query)?,
        didpool_id: named_customer(pool.as_ref())?,
        update: query.0.get("update").is_some_and(|text| text == "true"),
    };
    import::import(&app, &call, wanted, &rows).await.map(Json)
}

pub(super) async fn export(
    State(app): State<App>,
    call: Call,
    query: Query,
) -> Result<Json<DownloadPage>> {
    let page = Page::parse(None, query.0.get("page_token").map(String::as_str))?;
    let named = query_customer(&query)?;
    export::export(&app, &call, named, page).await.map(Json)
}
