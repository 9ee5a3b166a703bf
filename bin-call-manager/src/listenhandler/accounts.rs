//! `/v1/accounts` and `/v1/ledger_entries`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, NamedTenant, Path, Query, State},
    models::{
        check::wrong,
        error::Result,
        page::{Filters, Page, ensure_known},
        sock::Response,
    },
    resource::PatchJson,
};
use serde_json::json;

use crate::{
    accounthandler::{self, Payment, STATEMENT_ROWS_MAX},
    app::App,
    models::{
        account::{Account, AccountPatch},
        ledgerentry::LedgerEntry,
    },
};

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    PatchJson(patch): PatchJson<AccountPatch>,
) -> Result<Json<Account>> {
    accounthandler::create(&app, &ctx, named, &patch)
        .await
        .map(Json)
}

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Account>>> {
    accounthandler::list(&app, &ctx, wanted).await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Account>> {
    accounthandler::get(&app, &ctx, id).await.map(Json)
}

pub(super) async fn deposit(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(payment): Json<Payment>,
) -> Result<Json<Account>> {
    accounthandler::pay(&app, &ctx, id, &payment, 1)
        .await
        .map(Json)
}

pub(super) async fn withdraw(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(payment): Json<Payment>,
) -> Result<Json<Account>> {
    accounthandler::pay(&app, &ctx, id, &payment, -1)
        .await
        .map(Json)
}

pub(super) async fn statement(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    query: Query,
) -> Result<Response> {
    ensure_known(
        &query.0,
        ["page_size", "page_token", "customer_id", "format"],
    )?;
    let text = |name: &str| query.0.get(name).map(String::as_str);
    let mut page = Page::parse(text("page_size"), text("page_token"))?;
    let is_csv = match text("format").unwrap_or_default() {
        "" | "json" => false,
        "csv" => true,
        _ => return Err(wrong("format", "must be json or csv")),
    };
    if is_csv && !page.is_sized {
        page.size = STATEMENT_ROWS_MAX;
    }
    let account = accounthandler::get(&app, &ctx, id).await?;
    let entries =
        accounthandler::entries(&app, &ctx, Some(account.id), page, &Filters::new()).await?;
    Ok(if is_csv {
        Response::ok(&json!({"text": accounthandler::statement(&entries)}))
    } else {
        Response::ok(&entries)
    })
}

pub(super) async fn entries(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<LedgerEntry>>> {
    accounthandler::entries(&app, &ctx, None, wanted.page, &wanted.filters)
        .await
        .map(Json)
}
