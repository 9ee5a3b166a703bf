//! Selling a call: one winner, one hold, one transaction on the call's row.
//!
//! Locks are taken in the order call, campaign's turns, accounts. Whoever comes second waits for the call's row and
//! finds it sold. What a hold takes is given back or paid by [`ending`]; a durable timer stands behind each.

pub(crate) mod choose;
pub(crate) mod ending;
pub(crate) mod facts;
mod leadingout;
mod leftout;
mod market;
pub(crate) mod offers;
pub(crate) mod timers;
pub(crate) mod unsold;
pub(crate) mod winning;

pub(crate) use facts::bid as placed_bid;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::error::{Error, Result},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    app::App,
    callhandler::{self, view},
    choice::explain::Row,
    compliancehandler::{self, sale},
    dbhandler::{self, frauds},
    models::{
        call::{self, Call},
        callcampaign::CallCampaign,
        callstatus::CallStatus,
        fraudcheck::FraudCheck,
    },
    viewer::Viewer,
};

/// Candidates that a refusal names.
const NAMED_MAX: usize = 100;

/// Sells a call to the best buyer.
///
/// # Errors
/// 403 with the rule where the law forbids it meanwhile; 404; 409 `CALL_ALREADY_ROUTED`, `INVALID_CALL_STATE`,
/// `INVALID_ACCOUNT_STATE`, `NO_BIDS_AVAILABLE`; 503, `TOO_BUSY` where its
/// turn does not come in time.
pub(crate) async fn route(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Call> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    let found = callhandler::find(app, ctx, viewer, id).await?;
    // Who comes late hears so without a transaction; only what the locked row says sells it.
    ensure_sellable(&found, viewer)?;
    let turn = app
        .turns
        .of_campaign(ctx, found.call_campaign_id, id)
        .await?;
    if turn.has_waited {
        let found = callhandler::find(app, ctx, viewer, id).await?;
        ensure_sellable(&found, viewer)?;
    }
    loop {
        match Box::pin(sell(app, ctx, viewer, id)).await {
            // It was rolled back; who came later does not overtake it.
            Err(error) => turn.again(error).await?,
            sold => return sold,
        }
    }
}

/// As [`route`], for a caller who is on the line and hears a refusal as the end: the call ends with its reason. After a
/// fault of ours it stays, as the same call may come again.
///
/// # Errors
/// As [`route`].
pub(crate) async fn route_or_turn_away(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Call> {
    let routed = Box::pin(route(app, ctx, id)).await;
    if let Err(refusal) = &routed {
        unsold::turned_away(&app.store, ctx, id, refusal).await;
    }
    routed
}

/// One transaction: winner, hold, and what is said of it.
async fn sell(app: &App, ctx: &RequestContext, viewer: Viewer, id: Uuid) -> Result<Call> {
    let mut tx = app.store.begin(ctx).await?;
    let mut call = callhandler::lock(&mut tx, ctx, viewer, id).await?;
    ensure_sellable(&call, viewer)?;
    let campaign = campaign(&mut tx, &call).await?;
    let law = sale::refuse(&mut tx, &app.dnc, &call, &campaign).await?;
    if let Some(refusal) = law {
        return tx.commit_refusal(refusal).await;
    }
    let chosen = Box::pin(choose::choose(&mut tx, &app.standing, &call, &campaign)).await?;
    let refused = chosen.won.is_none();
    let rows = Box::pin(winning::settle(&mut tx, &mut call, &campaign, chosen)).await?;
    if refused {
        return tx.commit_refusal(nobody(&rows, viewer)).await;
    }
    tx.emit(call::ROUTED, &call, call.customer_id).await?;
    tx.commit(view(call, viewer)).await
}

fn ensure_sellable(call: &Call, viewer: Viewer) -> Result<()> {
    if let Some(buyer_id) = call.buyer_id {
        let mut detail = json!({"status": call.status});
        if viewer.sees(Some(buyer_id), None)
            && let Some(detail) = detail.as_object_mut()
        {
            detail.insert("buyer_id".to_owned(), json!(buyer_id));
        }
        return Err(
            Error::failed_precondition("CALL_ALREADY_ROUTED", "The call has a buyer.")
                .with_detail(detail),
        );
    }
    if call.status == CallStatus::Pending && call.auction_id.is_none() {
        return Ok(());
    }
    Err(callhandler::invalid_state(
        call,
        "Only a pending call without an auction can be routed.",
    ))
}

/// The live campaign of a call, whose seller may trade.
///
/// # Errors
/// 409 when it is gone, or its seller is not active.
pub(crate) async fn campaign(tx: &mut ChangeTx<'_>, call: &Call) -> Result<CallCampaign> {
    let found = tx.get::<CallCampaign>(call.call_campaign_id).await?;
    let campaign = found
        .filter(|campaign| campaign.customer_id == call.customer_id && campaign.tm_delete.is_none())
        .ok_or_else(|| callhandler::invalid_state(call, "The campaign of the call is gone."))?;
    callhandler::ensure_seller(tx, campaign.seller_id).await?;
    Ok(campaign)
}

/// 409: nobody may have the call, and why by buyer. A bound key sees no rival.
pub(crate) fn nobody(rows: &[Row], viewer: Viewer) -> Error {
    let seen = rows
        .iter()
        .filter(|row| viewer.sees(Some(row.buyer_id), None));
    let named: Vec<Json> = seen
        .take(NAMED_MAX)
        .map(|row| {
            json!({
                "buyer_id": row.buyer_id, "profile_id": row.profile_id,
                "excluded_by": row.excluded_by, "detail": row.detail,
            })
        })
        .collect();
    Error::failed_precondition("NO_BIDS_AVAILABLE", "Nobody may have the call now.")
        .with_detail(json!({"candidates": named}))
}

/// Why a call went where it went, as far as the caller may see it.
///
/// # Errors
/// 404 before the first decision; 503.
pub(crate) async fn explanation(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Json> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    let found = app.store.get::<Call>(id).await?;
    let call = found
        .filter(|call| ctx.scope.allows(call.customer_id))
        .ok_or_else(callhandler::not_found)?;
    if matches!(viewer, Viewer::Seller(own) if own != call.seller_id) {
        return Err(callhandler::not_found());
    }
    let kept = dbhandler::market::explanation(&app.store.db, &call).await?;
    let mut whole = kept.ok_or_else(|| {
        Error::not_found(
            "NOT_DECIDED",
            "Nothing has been decided about the call yet.",
        )
    })?;
    if let Some(whole) = whole.as_object_mut() {
        leftout::add(app, ctx, &call, whole).await?;
        let law = compliancehandler::of_call(&app.store.db, &call).await?;
        whole.insert("compliance".to_owned(), law);
        let check = frauds::check_of(&app.store.db, &call).await?;
        whole.insert(
            "fraud".to_owned(),
            check.map_or(Json::Null, |check| said(&check, viewer)),
        );
    }
    match viewer {
        Viewer::Operator => Ok(whole),
        Viewer::Buyer(own) => own_part(&whole, own),
        // What was bid is between the buyers and the exchange.
        Viewer::Seller(_) => Ok(json!({
            "strategy": whole.get("strategy"), "candidates": [], "winner": null,
            "compliance": whole.get("compliance"), "fraud": whole.get("fraud"), "text": "",
        })),
    }
}

/// What is told of a fraud check: the parts are the operator's, as whoever knows them knows how to pass.
fn said(check: &FraudCheck, viewer: Viewer) -> Json {
    match viewer {
        Viewer::Operator => json!({
            "score": check.score, "action": check.action, "flags": check.flags, "parts": check.parts,
        }),
        _ => json!({"action": check.action}),
    }
}

/// A buyer's own rows.
fn own_part(whole: &Json, own: Uuid) -> Result<Json> {
    let is_own = |row: &&Json| row.get("buyer_id") == Some(&json!(own));
    let rows: Vec<&Json> = whole
        .get("candidates")
        .and_then(Json::as_array)
        .map(|rows| rows.iter().filter(is_own).collect())
        .unwrap_or_default();
    if rows.is_empty() {
        return Err(callhandler::not_found());
    }
    let sentences: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.get("text")?.as_str())
        .collect();
    Ok(json!({
        "winner": whole.get("winner").filter(is_own),
        "strategy": whole.get("strategy"),
        "text": sentences.join("\n"),
        "candidates": rows,
        "compliance": null,
        "fraud": null,
    }))
}
