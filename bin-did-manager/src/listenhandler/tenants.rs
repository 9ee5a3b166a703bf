//! `/v1/customers` and `/v1/audit_logs`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ListQuery,
    listenhandler::{Json, List, Path, State},
    models::error::{Error, Result},
    resource::{self, PatchJson},
};

use crate::{
    app::App,
    customerhandler,
    models::{
        auditlog::AuditLog,
        customer::{Customer, CustomerPatch},
        limits::Remarked,
    },
};

/// Tenants are made by whoever runs the installation.
fn ensure_operator(ctx: &RequestContext) -> Result<()> {
    if ctx.scope.customer_id().is_none() {
        return Ok(());
    }
    Err(Error::permission_denied(
        "OPERATOR_ONLY",
        "Only the operator of this installation may do that.",
    ))
}

pub(super) async fn create_customer(
    State(app): State<App>,
    ctx: RequestContext,
    PatchJson(patch): PatchJson<CustomerPatch>,
) -> Result<Json<Remarked<Customer>>> {
    ensure_operator(&ctx)?;
    let made = customerhandler::create(&app, &ctx, &patch).await?;
    Ok(Json(remarked(made)))
}

pub(super) async fn update_customer(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    PatchJson(patch): PatchJson<CustomerPatch>,
) -> Result<Json<Remarked<Customer>>> {
    ensure_operator(&ctx)?;
    let changed = resource::update(&app, &ctx, id, &patch).await?;
    Ok(Json(remarked(changed)))
}

fn remarked(customer: Customer) -> Remarked<Customer> {
    let limits = customer.limits();
    Remarked::new(customer, limits)
}

pub(super) async fn delete_customer(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Customer>> {
    ensure_operator(&ctx)?;
    resource::delete(&app, &ctx, id).await.map(Json)
}

pub(super) async fn list_audit_logs(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<AuditLog>>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    let rows = app.store.db.list(&query, |row: &AuditLog| row.tm_create);
    rows.await.map(Json)
}
