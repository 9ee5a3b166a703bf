//! The rules of calls: made and read.

pub(crate) mod create;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, ListQuery},
    listenhandler::List,
    models::{
        error::{Error, Result},
        page::FilterValue,
    },
};
use uuid::Uuid;

use crate::{
    app::App,
    models::{
        account::{Account, AccountStatus},
        call::{Call, reference_key},
    },
    viewer::Viewer,
};

/// The answer for what is not there, or not the caller's.
pub(crate) fn not_found() -> Error {
    Error::not_found("CALL_NOT_FOUND", "The call was not found.")
}

/// 409 with the state that the call is in, and those that may be reported next.
pub(crate) fn invalid_state(call: &Call, message: &'static str) -> Error {
    Error::failed_precondition("INVALID_CALL_STATE", message).with_detail(serde_json::json!({
        "status": call.status, "allowed": call.status.reportable(),
    }))
}

/// The seller of a call may trade: only an active account may.
///
/// # Errors
/// 409 `INVALID_ACCOUNT_STATE`; 503.
pub(crate) async fn ensure_seller(tx: &mut ChangeTx<'_>, seller_id: Uuid) -> Result<()> {
    let found = tx.get::<Account>(seller_id).await?;
    if found.as_ref().is_some_and(Account::is_active) {
        return Ok(());
    }
    let live = found.filter(|account| account.tm_delete.is_none());
    let status = live.map_or(AccountStatus::Closed, |account| account.status);
    let refusal = Error::failed_precondition(
        "INVALID_ACCOUNT_STATE",
        "The seller's account is not active.",
    );
    Err(refusal.with_detail(serde_json::json!({"status": status})))
}

/// What a caller sees of a call: a seller no price, no buyer and not where its phone is, a buyer no payout and no seller.
pub(crate) fn view(mut call: Call, viewer: Viewer) -> Call {
    match viewer {
        Viewer::Operator => {}
        Viewer::Seller(_) => {
            call.price = None;
            call.buyer_id = None;
            call.bid_id = None;
            call.destination = String::new();
            call.attempts.0.clear();
        }
        Viewer::Buyer(id) => {
            call.payout = None;
            call.seller_id = Uuid::nil();
            call.attempts.0.retain(|attempt| attempt.buyer_id == id);
        }
    }
    call
}

/// Holds a call that the caller may see until the end of the transaction.
///
/// # Errors
/// 404.
pub(crate) async fn lock(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    viewer: Viewer,
    id: Uuid,
) -> Result<Call> {
    let found = tx.lock::<Call>(id).await?;
    found
        .filter(|call| is_seen(call, ctx, viewer))
        .ok_or_else(not_found)
}

fn is_seen(call: &Call, ctx: &RequestContext, viewer: Viewer) -> bool {
    ctx.scope.allows(call.customer_id) && viewer.sees(call.buyer_id, Some(call.seller_id))
}

/// A call that the caller may see.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Call> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    find(app, ctx, viewer, id)
        .await
        .map(|call| view(call, viewer))
}

/// The whole row of a call that the caller may see.
///
/// # Errors
/// 404, 503.
pub(crate) async fn find(
    app: &App,
    ctx: &RequestContext,
    viewer: Viewer,
    id: Uuid,
) -> Result<Call> {
    let found = app.store.get::<Call>(id).await?;
    found
        .filter(|call| is_seen(call, ctx, viewer))
        .ok_or_else(not_found)
}

pub(crate) async fn list(app: &App, ctx: &RequestContext, mut wanted: List) -> Result<Vec<Call>> {
    if let Some(FilterValue::Text(reference)) = wanted.filters.get_mut("reference") {
        *reference = reference_key(reference).to_owned();
    }
    let viewer = Viewer::of(&app.store, ctx).await?;
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    match viewer {
        Viewer::Operator => {}
        // Nor is a buyer told whose calls it has by asking for one seller's after the other.
        Viewer::Buyer(_) if wanted.filters.contains_key("seller_id") => return Ok(Vec::new()),
        Viewer::Buyer(id) => query = query.matching("buyer_id", id),
        // A seller that asks for a buyer's calls would learn whose they are.
        Viewer::Seller(_) if wanted.filters.contains_key("buyer_id") => return Ok(Vec::new()),
        Viewer::Seller(id) => query = query.matching("seller_id", id),
    }
    let calls = app
        .store
        .db
        .list(&query, |call: &Call| call.tm_create)
        .await?;
    Ok(calls.into_iter().map(|call| view(call, viewer)).collect())
}
