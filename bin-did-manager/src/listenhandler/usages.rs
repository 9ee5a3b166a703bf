//! `/v1/usages`: the numbers given, why, and what became of the calls.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ListQuery,
    listenhandler::{Json, List, Path, State},
    models::{
        error::{Error, Result},
        page::FilterValue,
    },
};

use crate::{app::App, models::usage::Usage};

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Usage>>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    let scope = ctx.scope.customer_id();
    if let Some(customer_id) = scope {
        query = query.matching("customer_id", customer_id);
        // The references have indexes; the ids themselves have none.
        for (name, reference) in [("uniqueid", "call_ref"), ("call_id", "call_id_ref")] {
            if let Some(FilterValue::Text(id)) = wanted.filters.get(name) {
                let hash = app.hasher().await?.call(customer_id, id);
                query = query.matching(reference, hash);
            }
        }
    }
    let rows = app.store.db.list(&query, |row: &Usage| row.tm_create);
    rows.await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Usage>> {
    let found = app.store.get::<Usage>(id).await?;
    found
        .filter(|usage| ctx.scope.allows(usage.customer_id))
        .map(Json)
        .ok_or_else(|| Error::not_found("USAGE_NOT_FOUND", "The usage was not found."))
}
