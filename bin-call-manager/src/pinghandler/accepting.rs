//! Accepting a ping: the call is made and held for the winner, and the winner is told. One that refuses then falls
//! through to the next.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        error::{Error, Result},
        text::null_is_default,
    },
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{apart, find, not_found, pinging, telling};
use crate::{
    app::App,
    callhandler::create::{self, add},
    dbhandler::pings,
    modelhandler::Learned,
    models::{
        call::{self, Call},
        ping::{Ping, PingReply, PingStatus, Reject},
        prices::Prices,
    },
    routehandler::{self, choose, timers, winning},
    viewer::Viewer,
};

/// How long whoever accepts has to tell the bidder, before a job does.
const LEASE: Duration = Duration::from_secs(10);
/// How long accepting may take; then the job goes on, and the caller asks again.
const ACCEPT_MAX: Duration = Duration::from_secs(7);

/// Body of `POST /v1/pings/<ping-id>/accept`.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
pub(crate) struct Acceptance {
    /// The carrier's id of the call, where it is known already.
    #[serde(default, deserialize_with = "null_is_default")]
    reference: String,
}

/// Reserves the call for the best bidder that still wants it. Accepting again has the same answer.
///
/// # Errors
/// 404; 409 `PING_EXPIRED`, `PING_REJECTED`, `NO_BIDS_AVAILABLE`, `CALLER_RESERVED` where another ping of the caller is
/// accepted, `REFERENCE_MISMATCH` where this one is with another reference; 403 `FRAUD_DETECTED`; 503.
pub(crate) async fn accept(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: &Acceptance,
) -> Result<PingReply> {
    let started = Instant::now();
    let viewer = Viewer::of(&app.store, ctx).await?;
    let body = &Acceptance {
        reference: create::reference(&body.reference)?,
    };
    let ping = find(app, ctx, viewer, id).await?;
    let _turn = app.turns.of_ping(ctx, id).await?;
    let learned = app.model.score(&pinging::call_of(&ping)).await;
    let call_id = Box::pin(reserve_in_turn(app, ctx, &ping, body, learned)).await?;
    loop {
        match Box::pin(telling::tell(app, call_id)).await? {
            telling::Told::Taken => break,
            telling::Told::Over => return Err(nobody_left()),
            telling::Told::Again if started.elapsed() < ACCEPT_MAX => {}
            telling::Told::Again => {
                return Err(Error::unavailable(
                    "bidder",
                    "they refuse one after the other",
                ));
            }
        }
    }
    let tx = app.store.begin(ctx).await?;
    let ping = find(app, ctx, viewer, id).await?;
    if ping.status == PingStatus::Expired {
        return Err(expired(&ping));
    }
    tx.commit(ping.reply(false, viewer == Viewer::Operator))
        .await
}

fn nobody_left() -> Error {
    Error::failed_precondition("NO_BIDS_AVAILABLE", "Nobody takes the call any more.")
}

/// Waits among those that sell calls of the campaign, so that nobody is overtaken.
async fn reserve_in_turn(
    app: &App,
    ctx: &RequestContext,
    ping: &Ping,
    body: &Acceptance,
    learned: Learned,
) -> Result<Uuid> {
    let turn = app
        .turns
        .of_campaign(ctx, ping.call_campaign_id, ping.id)
        .await?;
    loop {
        match Box::pin(reserve(app, ctx, ping.id, body, learned)).await {
            Err(error) => turn.again(error).await?,
            made => return made,
        }
    }
}

/// Makes the call and takes the hold, once; the call's id.
async fn reserve(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: &Acceptance,
    learned: Learned,
) -> Result<Uuid> {
    let apart = apart(ctx);
    let mut tx = app.store.begin(&apart).await?;
    let mut ping = tx.lock::<Ping>(id).await?.ok_or_else(not_found)?;
    if let Some(call_id) = ping.call_id {
        ensure_same_reference(&mut tx, &ping, body).await?;
        return Ok(call_id);
    }
    ensure_open(&ping, tx.now())?;
    let mut call = Call {
        ping_id: Some(id),
        reference: Some(body.reference.clone()).filter(|text| !text.is_empty()),
        ..pinging::call_of(&ping)
    };
    let mut campaign = routehandler::campaign(&mut tx, &call).await?;
    Prices::put(ping.prices, &mut campaign);
    if let Some(refusal) = add(&mut tx, &mut call, &campaign, learned, &app.sealer).await? {
        reject(&mut ping, Reject::CallerId);
        save(&mut tx, &mut ping).await?;
        return tx.commit_refusal(refusal).await;
    }
    // Its person's turn is held from the check on: of two pings of one caller one is first.
    if pings::is_caller_reserved(&mut tx, &ping).await? {
        return Err(caller_reserved());
    }
    let chosen = Box::pin(choose::choose(&mut tx, &app.standing, &call, &campaign)).await?;
    if chosen.won.is_none() {
        // The call is not kept: whoever offered it has nothing to send.
        drop(tx);
        return Err(nobody_left());
    }
    let has_endpoint = chosen.has_endpoint();
    Box::pin(winning::settle(&mut tx, &mut call, &campaign, chosen)).await?;
    ping.status = PingStatus::Reserved;
    ping.call_id = Some(call.id);
    if has_endpoint {
        timers::tell_bidder(&mut tx, &call, LEASE).await?;
    } else {
        ping.told_bid_id = call.bid_id;
    }
    save(&mut tx, &mut ping).await?;
    tx.schedule(timers::ARRIVAL, call.id, ping.expires, &())
        .await?;
    tx.emit(call::ROUTED, &call, call.customer_id).await?;
    tx.commit(call.id).await
}

/// 409: one caller makes one call, so one buyer is held for it.
fn caller_reserved() -> Error {
    let reject = Reject::CallerId;
    Error::failed_precondition(
        "CALLER_RESERVED",
        "Another ping of this caller is accepted, and its call is waited for.",
    )
    .with_detail(json!({"reject_code": reject.code()}))
}

/// While the call is waited for it has the reference that the ping was accepted with; afterwards the carrier's.
async fn ensure_same_reference(
    tx: &mut ChangeTx<'_>,
    ping: &Ping,
    body: &Acceptance,
) -> Result<()> {
    if body.reference.is_empty() || ping.status != PingStatus::Reserved {
        return Ok(());
    }
    let call = tx.get::<Call>(ping.call_id.unwrap_or_default()).await?;
    if call.is_none_or(|call| call.reference.as_ref() == Some(&body.reference)) {
        return Ok(());
    }
    Err(Error::failed_precondition(
        "REFERENCE_MISMATCH",
        "The ping was accepted with another reference.",
    ))
}

fn ensure_open(ping: &Ping, now: bin_common_handler::models::time::Timestamp) -> Result<()> {
    if !ping.is_accepted() {
        return Err(Error::failed_precondition(
            "PING_REJECTED",
            "Nobody offered to take this call.",
        )
        .with_detail(json!({"reject_code": ping.reject_code})));
    }
    if ping.expires <= now || ping.status != PingStatus::Offered {
        return Err(expired(ping));
    }
    Ok(())
}

/// 409: the offer is over.
pub(super) fn expired(ping: &Ping) -> Error {
    Error::failed_precondition("PING_EXPIRED", "The ping has expired; ping again.")
        .with_detail(json!({"status": ping.status, "expires": ping.expires}))
}

/// Nobody takes the call after all.
pub(super) fn reject(ping: &mut Ping, reject: Reject) {
    ping.status = PingStatus::Expired;
    ping.reject_code = Some(reject.code());
    reject.reason().clone_into(&mut ping.reject_reason);
}

/// Writes a locked ping.
pub(super) async fn save(tx: &mut ChangeTx<'_>, ping: &mut Ping) -> Result<()> {
    ping.tm_update = tx.next_version(ping.tm_update);
    if matches!(ping.status, PingStatus::Used | PingStatus::Expired) {
        pings::release(tx, ping).await?;
    }
    tx.update(ping).await
}
