//! `/v1/usages`: the numbers given, why, and what became of the calls.

use bin_common_handler::{
    call::Call,
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
    call: Call,
    wanted: List,
) -> Result<Json<Vec<Usage>>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    let scope = call.scope.customer_id();
    if let Some(customer_id) = scope {
        query = query.matching("customer_id", customer_id);
        // The reference has an index; the id itself has none.
        if let Some(FilterValue::Text(uniqueid)) = wanted.filters.get("uniqueid") {
            let call_ref = app.hasher().await?.call(customer_id, uniqueid);
            query = query.matching("call_ref", call_ref);
        }
    }
    let rows = app.store.db.list(&query, |row: &Usage| row.tm_create);
    rows.await.map(Json)
}

pub(super) async fn get(State(app): State<App>, call: Call, Path(id): Path) -> Result<Json<Usage>> {
    let found = app.store.get::<Usage>(id).await?;
    found
        .filter(|usage| call.scope.allows(usage.customer_id))
        .map(Json)
        .ok_or_else(|| Error::not_found("USAGE_NOT_FOUND", "The usage was not found."))
}
