//! Reports of how calls went: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ListQuery,
    listenhandler::{Json, List, OptionalJson, Query, State},
    models::{error::Result, json},
    resource::{named_customer, query_customer},
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
    ctx: &RequestContext,
    query: &Query,
    shape: Shape,
    fields: Fields,
) -> Result<Json<Reported>> {
    let in_body = named_customer(json::field(&fields, "customer_id")?)?;
    let named = in_body.or(query_customer(query)?);
    let sent = Sent::Body(fields);
    callresulthandler::take(app, ctx, named, shape, &sent)
        .await
        .map(Json)
}

async fn query(
    app: &App,
    ctx: &RequestContext,
    shape: Shape,
    query: Query,
) -> Result<Json<Reported>> {
    let named = query_customer(&query)?;
    let sent = Sent::Query(query.0.0);
    callresulthandler::take(app, ctx, named, shape, &sent)
        .await
        .map(Json)
}

pub(super) async fn report(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
    OptionalJson(fields): OptionalJson<Fields>,
) -> Result<Json<Reported>> {
    body(&app, &ctx, &query, shapes::report, fields).await
}

pub(super) async fn call_results(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
    OptionalJson(fields): OptionalJson<Fields>,
) -> Result<Json<Reported>> {
    body(&app, &ctx, &query, shapes::call_results, fields).await
}

pub(super) async fn older(
    State(app): State<App>,
    ctx: RequestContext,
    query: Query,
    OptionalJson(fields): OptionalJson<Fields>,
) -> Result<Json<Reported>> {
    body(&app, &ctx, &query, shapes::older, fields).await
}

pub(super) async fn dispo(
    State(app): State<App>,
    ctx: RequestContext,
    fields: Query,
) -> Result<Json<Reported>> {
    query(&app, &ctx, shapes::dispo, fields).await
}

pub(super) async fn no_agent(
    State(app): State<App>,
    ctx: RequestContext,
    fields: Query,
) -> Result<Json<Reported>> {
    query(&app, &ctx, shapes::no_agent, fields).await
}

pub(super) async fn list_unmatched(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Unmatched>>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    let rows = app.store.db.list(&query, |row: &Unmatched| row.tm_create);
    rows.await.map(Json)
}
