//! `/v1/alert_rules`, `/v1/alerts`, `/v1/kpis`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, Path, Query, Routes, State},
    models::error::Result,
    vitals::FIGURES,
};
use uuid::Uuid;

use super::{READ, WRITE};
use crate::{
    alertrulehandler::{
        self, InstallationFigure, Observation, Observed,
        changes::{self, Snooze},
    },
    app::App,
    figures::sums::Kpis,
    kpihandler::{self, KpiQuery},
    models::{alert::Alert, alertrule::AlertRule},
};

/// What is counted, and what is watched.
pub(super) fn routes(routes: Routes<App>) -> Routes<App> {
    routes
        .resource_for::<AlertRule>(
            "/v1/alert_rules",
            "/v1/alert_rules/<alert-rule-id>",
            READ,
            WRITE,
        )
        .get("/v1/alert_rules/shipped", shipped)
        .scope(READ)
        .listed::<Alert>("/v1/alerts")
        .scope(READ)
        .stream("alerts", "alert")
        .post("/v1/alerts", report)
        .scope(WRITE)
        .post(FIGURES, report_own)
        .internal()
        .readable::<Alert>("/v1/alerts/<alert-id>")
        .scope(READ)
        .post("/v1/alerts/<alert-id>/acknowledge", acknowledge)
        .scope(WRITE)
        .post("/v1/alerts/<alert-id>/snooze", snooze)
        .scope(WRITE)
        .post("/v1/alerts/<alert-id>/resolve", resolve)
        .scope(WRITE)
        .get("/v1/kpis", kpis)
        .scope(READ)
}

async fn shipped(State(_): State<App>) -> Result<Json<Vec<AlertRule>>> {
    Ok(Json(alertrulehandler::shipped()))
}

async fn report(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<Observation>,
) -> Result<Json<Observed>> {
    alertrulehandler::report(&app, &ctx, &body).await.map(Json)
}

async fn report_own(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<InstallationFigure>,
) -> Result<Json<Observed>> {
    alertrulehandler::report_own(&app, &ctx, &body)
        .await
        .map(Json)
}

async fn acknowledge(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
) -> Result<Json<Alert>> {
    changes::acknowledge(&app, &ctx, id).await.map(Json)
}

async fn resolve(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
) -> Result<Json<Alert>> {
    changes::resolve(&app, &ctx, id).await.map(Json)
}

async fn snooze(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
    Json(body): Json<Snooze>,
) -> Result<Json<Alert>> {
    changes::snooze(&app, &ctx, id, &body).await.map(Json)
}

async fn kpis(
    State(app): State<App>,
    ctx: RequestContext,
    Query(query): Query<KpiQuery>,
) -> Result<Json<Vec<Kpis>>> {
    kpihandler::list(&app, &ctx, &query).await.map(Json)
}
