//! Every URI of the daemon.

mod accesskeys;
mod analytics;
mod didpools;
mod dids;
mod next;
mod phonenumbers;
mod results;
mod subjects;
mod tenants;
mod usages;

use std::time::Duration;

use bin_common_handler::{
    listenhandler::{Identity, Routes},
    resource::Resource,
    subjects::LOOKUP,
};

use crate::{
    accesskeyhandler,
    analyticshandler::report::Report,
    app::App,
    callresulthandler::{self, shapes},
    models::{
        accesskey::Accesskey,
        auditlog, callresult,
        campaign::Campaign,
        customer::Customer,
        did::{Did, DidPatch},
        didcolumns,
        didpool::Didpool,
        phonenumber::PhoneNumber,
        provider::Provider,
        rotationrule::RotationRule,
        usage,
        user::User,
    },
    nexthandler::{Answer, parameters},
};

/// A large file over a slow line.
const UPLOAD_WITHIN: Duration = Duration::from_secs(120);
/// A dialer is answered within a second, whatever is away.
const NEXT_WITHIN: Duration = Duration::from_millis(900);

/// How the bridge knows its callers. A key's rates and number format are its customer's where it has none.
const IDENTITY: Identity = Identity {
    key_prefix: accesskeyhandler::KEY_PREFIX,
    topics: &[Accesskey::NAME, Customer::NAME],
};

/// The route table.
pub(crate) fn routes() -> Routes<App> {
    let routes = tenant_routes(Routes::default());
    let routes = number_routes(routes);
    let routes = business_routes(routes);
    let routes = dialer_routes(routes);
    let routes = result_routes(routes);
    analytics_routes(routes)
}

/// Who may do what, and who did.
fn tenant_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/customers", tenants::create_customer)
        .operator_only()
        .listed::<Customer>("/v1/customers")
        .readable::<Customer>("/v1/customers/<customer-id>")
        .put("/v1/customers/<customer-id>", tenants::update_customer)
        .operator_only()
        .delete("/v1/customers/<customer-id>", tenants::delete_customer)
        .operator_only()
        .resource_for::<User>("/v1/users", "/v1/users/<user-id>", "key:read", "key:write")
        .post("/v1/accesskeys", accesskeys::create)
        .scope("key:write")
        .listed::<Accesskey>("/v1/accesskeys")
        .scope("key:read")
        .readable::<Accesskey>("/v1/accesskeys/<accesskey-id>")
        .scope("key:read")
        .put("/v1/accesskeys/<accesskey-id>", accesskeys::update)
        .scope("key:write")
        .delete("/v1/accesskeys/<accesskey-id>", accesskeys::delete)
        .scope("key:write")
        .post_without_effect("/v1/accesskeys/verify", accesskeys::verify)
        .internal()
        .verifies_keys(IDENTITY)
        .get("/v1/audit_logs", tenants::list_audit_logs)
        .filtered_by(auditlog::FILTERS)
        .scope("audit:read")
}

/// The numbers, and how they are chosen.
fn number_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/dids", dids::create)
        .put("/v1/dids/<did-id>", dids::update)
        .deletable::<Did>("/v1/dids/<did-id>")
        .get("/v1/dids", dids::list)
        .filtered_by(Did::FILTERS)
        .get("/v1/dids/<did-id>", dids::get)
        .post("/v1/dids/bulk", dids::import)
        .takes::<Vec<DidPatch>>()
        .bulk()
        .upload(&didcolumns::COLUMNS)
        .within(UPLOAD_WITHIN)
        .get("/v1/dids/export", dids::export)
        .export("text/csv; charset=utf-8", "dids.csv")
        .post("/v1/didpools", didpools::create)
        .get("/v1/didpools", didpools::list)
        .filtered_by(Didpool::FILTERS)
        .get("/v1/didpools/<didpool-id>", didpools::get)
        .put("/v1/didpools/<didpool-id>", didpools::update)
        .deletable::<Didpool>("/v1/didpools/<didpool-id>")
        .post("/v1/didpools/<didpool-id>/dids", didpools::add)
        .delete("/v1/didpools/<didpool-id>/dids", didpools::remove)
        .get("/v1/didpools/<didpool-id>/dids", didpools::members)
        .resource::<Campaign>("/v1/campaigns", "/v1/campaigns/<campaign-id>")
        .resource::<RotationRule>("/v1/rotation_rules", "/v1/rotation_rules/<rule-id>")
}

/// What businesses are called at, and by which carriers.
fn business_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .resource::<Provider>("/v1/providers", "/v1/providers/<provider-id>")
        .listed::<PhoneNumber>("/v1/phone_numbers")
        .post("/v1/phone_numbers", phonenumbers::create)
        .get("/v1/phone_numbers/search", phonenumbers::search)
        .get("/v1/phone_numbers/lookup", phonenumbers::lookup)
        .post_without_effect("/v1/phone_numbers/resolve", phonenumbers::resolve)
        .internal()
        .readable::<PhoneNumber>("/v1/phone_numbers/<phone-number-id>")
        .put("/v1/phone_numbers/<phone-number-id>", phonenumbers::update)
        .delete("/v1/phone_numbers/<phone-number-id>", phonenumbers::delete)
        .post(
            "/v1/phone_numbers/<phone-number-id>/purchase",
            phonenumbers::purchase,
        )
        .post(
            "/v1/phone_numbers/<phone-number-id>/register",
            phonenumbers::register,
        )
        .post("/v1/onboardings", phonenumbers::onboard)
}

/// What dialers ask, under the names that their scripts have for it.
fn dialer_routes(routes: Routes<App>) -> Routes<App> {
    let routes = routes.get_with_effect("/v1/dids/next", next::next);
    let routes = for_dialers(routes).get_with_effect("/v1/vicidial/next-did", next::next);
    // One of its scripts takes the number by its pattern, and others from `data`.
    for_dialers(routes).only_repeated("phoneNumber")
}

/// How a dialer's script is served: it gives up after a second, and dials without us.
fn for_dialers(routes: Routes<App>) -> Routes<App> {
    routes
        .describe(|operation| operation.query = vec![parameters])
        .replies::<Answer>()
        .scope("did:next")
        .within(NEXT_WITHIN)
        .flat_errors()
        .text("selected_did")
        .repeat("did", "data")
}

/// A dialer or an agent's screen waits for the answer to a report.
const REPORT_WITHIN: Duration = Duration::from_secs(1);

/// How calls went, in every shape that scripts send it in.
fn result_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/calls/report", results::report)
        .scope("did:report")
        .deferred()
        .checked(|query, body| callresulthandler::ensure_names_a_call(shapes::report, query, body))
        .flat_errors()
        .within(REPORT_WITHIN)
        .post("/v1/call-results", results::call_results)
        .scope("did:report")
        .deferred()
        .checked(|query, body| {
            callresulthandler::ensure_names_a_call(shapes::call_results, query, body)
        })
        .flat_errors()
        .within(REPORT_WITHIN)
        // Its callers want a figure back, so they wait for it.
        .post("/v1/vicidial/call-result", results::older)
        .scope("did:report")
        .flat_errors()
        .within(REPORT_WITHIN)
        .get_with_effect("/v1/vicidial/dispo", results::dispo)
        .scope("did:report")
        .deferred()
        .checked(|query, body| callresulthandler::ensure_names_a_call(shapes::dispo, query, body))
        .key_in_query()
        .flat_errors()
        .within(REPORT_WITHIN)
        .get_with_effect("/v1/vicidial/no-agent", results::no_agent)
        .scope("did:report")
        .deferred()
        .checked(|query, body| {
            callresulthandler::ensure_names_a_call(shapes::no_agent, query, body)
        })
        .key_in_query()
        .flat_errors()
        .within(REPORT_WITHIN)
        .post_without_effect(LOOKUP, subjects::lookup)
        .internal()
        .get("/v1/usages", usages::list)
        .filtered_by(usage::FILTERS)
        .scope("did:read")
        .get("/v1/usages/<usage-id>", usages::get)
        .scope("did:read")
        .get("/v1/callresults", results::list_unmatched)
        .filtered_by(callresult::FILTERS)
        .scope("did:read")
}

/// Figures of calls and numbers.
fn analytics_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .get("/v1/analytics/metrics", analytics::metrics)
        .get("/v1/analytics/reports", analytics::reports)
        .replies::<Report>()
        .csv("text")
        .post("/v1/analytics/export", analytics::export)
        .get("/v1/analytics/exports/<export-id>", analytics::fetch)
        .export("text/plain; charset=utf-8", "export.txt")
}
