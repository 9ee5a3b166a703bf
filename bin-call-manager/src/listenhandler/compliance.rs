//! `/v1/compliance`, consents, do-not-call lists, relationships and subject requests: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, NamedTenant, OptionalJson, Path, Query, Routes, State},
    models::error::Result,
};
use serde_json::{Map, Value};

use super::{READ, SELL, WRITE};
use crate::{
    abandonmenthandler::{self, Abandonment},
    app::App,
    compliancehandler::{self, CheckBody, ChecksBody, VerdictView},
    consenthandler::{self, ConsentCreate, Grant},
    dncentryhandler::{self, EntryCreate},
    dnclisthandler::{self, Finish, Report, Row, Wanted},
    models::{
        businessrelationship::BusinessRelationship,
        compliancerule::ComplianceRule,
        consent::{self, Consent},
        dncentry::{self, DncEntry},
        dnclist::{self, DncList},
    },
    subjectrequesthandler::{self, SubjectAnswer, SubjectCreate},
};

/// A file of numbers may take this long to come in.
const UPLOAD_WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

/// The law's routes.
pub(super) fn routes(routes: Routes<App>) -> Routes<App> {
    let routes = list_routes(consent_routes(routes));
    routes
        .post_without_effect("/v1/compliance/checks", check)
        .scope(READ)
        .post_without_effect("/v1/compliance/checks/bulk", check_many)
        .scope(READ)
        .creatable::<ComplianceRule>("/v1/compliance/rules", WRITE)
        .listed::<ComplianceRule>("/v1/compliance/rules")
        .scope(READ)
        .readable::<ComplianceRule>("/v1/compliance/rules/<compliance-rule-id>")
        .scope(READ)
        .deletable::<ComplianceRule>("/v1/compliance/rules/<compliance-rule-id>")
        .scope(WRITE)
        .creatable::<BusinessRelationship>("/v1/business_relationships", WRITE)
        .listed::<BusinessRelationship>("/v1/business_relationships")
        .scope(READ)
        .readable::<BusinessRelationship>("/v1/business_relationships/<business-relationship-id>")
        .scope(READ)
        .deletable::<BusinessRelationship>("/v1/business_relationships/<business-relationship-id>")
        .scope(WRITE)
        .get(
            "/v1/call_campaigns/<call-campaign-id>/abandonment",
            abandonment,
        )
        .scope(READ)
        .or_bound(SELL)
        .post("/v1/subject_requests", subject_request)
        .scope(WRITE)
}

fn consent_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/consents", create_consent)
        .scope(WRITE)
        .get("/v1/consents", list_consents)
        .filtered_by(consent::FILTERS)
        .scope(READ)
        .get("/v1/consents/<consent-id>", get_consent)
        .scope(READ)
        .post("/v1/consents/<consent-id>/grant", grant_consent)
        .scope(WRITE)
        .post("/v1/consents/<consent-id>/revoke", revoke_consent)
        .scope(WRITE)
}

fn list_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/dnc_entries", create_entry)
        .scope(WRITE)
        .get("/v1/dnc_entries", list_entries)
        .filtered_by(dncentry::FILTERS)
        .scope(READ)
        .post("/v1/dnc_entries/bulk", import)
        .takes::<Vec<Row>>()
        .bulk()
        .upload(&dnclist::COLUMNS)
        .within(UPLOAD_WITHIN)
        .scope(WRITE)
        .get("/v1/dnc_entries/<dnc-entry-id>", get_entry)
        .scope(READ)
        .delete("/v1/dnc_entries/<dnc-entry-id>", delete_entry)
        .scope(WRITE)
        .post("/v1/dnc_lists", finish)
        .scope(WRITE)
        .get("/v1/dnc_lists", list_lists)
        .filtered_by(dnclist::FILTERS)
        .scope(READ)
        .get("/v1/dnc_lists/<dnc-list-id>", get_list)
        .scope(READ)
}

async fn check(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    Json(body): Json<CheckBody>,
) -> Result<Json<VerdictView>> {
    compliancehandler::check_one(&app, &ctx, named, &body)
        .await
        .map(Json)
}

async fn check_many(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    Json(body): Json<ChecksBody>,
) -> Result<Json<Vec<VerdictView>>> {
    compliancehandler::check_many(&app, &ctx, named, &body)
        .await
        .map(Json)
}

async fn abandonment(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Abandonment>> {
    abandonmenthandler::of_campaign(&app, &ctx, id)
        .await
        .map(Json)
}

async fn subject_request(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    Json(body): Json<SubjectCreate>,
) -> Result<Json<SubjectAnswer>> {
    subjectrequesthandler::create(&app, &ctx, named, &body)
        .await
        .map(Json)
}

async fn create_consent(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    Json(body): Json<ConsentCreate>,
) -> Result<Json<Consent>> {
    consenthandler::create(&app, &ctx, named, body)
        .await
        .map(Json)
}

async fn list_consents(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Consent>>> {
    consenthandler::list(&app, &ctx, wanted).await.map(Json)
}

async fn get_consent(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Consent>> {
    consenthandler::get(&app, &ctx, id).await.map(Json)
}

async fn grant_consent(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    OptionalJson(body): OptionalJson<Grant>,
) -> Result<Json<Consent>> {
    consenthandler::grant(&app, &ctx, id, body).await.map(Json)
}

async fn revoke_consent(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Consent>> {
    consenthandler::revoke(&app, &ctx, id).await.map(Json)
}

async fn create_entry(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    Json(body): Json<EntryCreate>,
) -> Result<Json<DncEntry>> {
    dncentryhandler::create(&app, &ctx, named, body)
        .await
        .map(Json)
}

async fn list_entries(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<DncEntry>>> {
    dncentryhandler::list(&app, &ctx, wanted).await.map(Json)
}

async fn get_entry(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<DncEntry>> {
    dncentryhandler::get(&app, &ctx, id).await.map(Json)
}

async fn delete_entry(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<DncEntry>> {
    dncentryhandler::delete(&app, &ctx, id).await.map(Json)
}

async fn import(
    State(app): State<App>,
    ctx: RequestContext,
    Query(wanted): Query<Wanted>,
    Json(rows): Json<Vec<Map<String, Value>>>,
) -> Result<Json<Report>> {
    dnclisthandler::import(&app, &ctx, &wanted, &rows)
        .await
        .map(Json)
}

async fn finish(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    Json(body): Json<Finish>,
) -> Result<Json<DncList>> {
    dnclisthandler::finish(&app, &ctx, named, &body)
        .await
        .map(Json)
}

async fn list_lists(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<DncList>>> {
    dnclisthandler::list(&app, &ctx, wanted).await.map(Json)
}

async fn get_list(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<DncList>> {
    dnclisthandler::get(&app, &ctx, id).await.map(Json)
}
