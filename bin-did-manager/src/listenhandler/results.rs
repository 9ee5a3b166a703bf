//! Reports of how calls went: extract, call, wrap.

use bin_common_handler::{
    call::Call,
    databasehandler::ListQuery,
    listenhandler::{Json, List, OptionalJson, Query, State},
    models::error::Result,
    resource::query_customer,
};
use serde_json::{Map, Value};

use crate::{
    app::App,
    callresulthandler::{self, Reported, Sent, Shape, shapes},
    models::callresult::Unmatched,
};

type Fields = Map<String, Value>;

async fn body(
    app: &App,
    call: &Call,
    query: &Query,
    shape: Shape,
    fields: Fields,
) -> Result<Json<Reported>> {
    let named = query_customer(query)?;
    let sent = Sent::Body(fields);
    callresulthandler::take(app, call, named, shape, &sent)
        .await
        .map(Json)
}

async fn query(app: &App, call: &Call, shape: Shape, query: Query) -> Result<Json<Reported>> {
    let named = query_customer(&query)?;
    let sent = Sent::Query(query.0);
    callresulthandler::take(app, call, named, shape, &sent)
        .await
        .map(Json)
}

pub(super) async fn report(
    State(app): State<App>,
    call: Call,
    query: Query,
    OptionalJson(fields): OptionalJson<Fields>,
) -> Result<Json<Reported>> {
    body(&app, &call, &query, shapes::report, fields).await
}

pub(super) async fn call_results(
    State(app): State<App>,
    call: Call,
    query: Query,
    OptionalJson(fields): OptionalJson<Fields>,
) -> Result<Json<Reported>> {
    body(&app, &call, &query, shapes::call_results, fields).await
}

pub(super) async fn older(
    State(app): State<App>,
    call: Call,
    query: Query,
    OptionalJson(fields): OptionalJson<Fields>,
) -> Result<Json<Reported>> {
    body(&app, &call, &query, shapes::older, fields).await
}

pub(super) async fn dispo(
    State(app): State<App>,
    call: Call,
    fields: Query,
) -> Result<Json<Reported>> {
    query(&app, &call, shapes::dispo, fields).await
}

pub(super) async fn no_agent(
    State(app): State<App>,
    call: Call,
    fields: Query,
) -> Result<Json<Reported>> {
    query(&app, &call, shapes::no_agent, fields).await
}

pub(super) async fn list_unmatched(
    State(app): State<App>,
    call: Call,
    wanted: List,
) -> Result<Json<Vec<Unmatched>>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = call.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    let rows = app.store.db.list(&query, |row: &Unmatched| row.tm_create);
    rows.await.map(Json)
}
