//! The call of an accepted ping comes, or does not.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        check::ensure,
        error::{Error, Result},
    },
    timerhandler::Timer,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    accepting::{expired, save},
    find, not_found,
};
use crate::{
    app::App,
    callhandler::{create::CallCreate, invalid_state, view},
    models::{
        call::{Call, Direction, Source},
        callcampaign::CallCampaign,
        callstatus::CallStatus,
        ping::{Ping, PingStatus},
    },
    routehandler::{ending, timers, winning},
    viewer::Viewer,
};

/// The call that was reserved is there: from the number that was pinged, and in time.
///
/// # Errors
/// 404; 409 `PING_EXPIRED`, `CALLER_ID_MISMATCH`, `PING_NOT_ACCEPTED`; 503.
pub(crate) async fn arrive(app: &App, ctx: &RequestContext, mut body: CallCreate) -> Result<Call> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    body.check()?;
    let ping = find(app, ctx, viewer, body.ping_id.unwrap_or_default()).await?;
    ensure_as_pinged(app, &ping, &body).await?;
    let call_id = ping.call_id.ok_or_else(|| not_accepted(&ping))?;
    let mut tx = app.store.begin(ctx).await?;
    let mut call = tx.lock::<Call>(call_id).await?.ok_or_else(not_found)?;
    let mut ping = tx.lock::<Ping>(ping.id).await?.ok_or_else(not_found)?;
    ensure_expected(&call, &ping, &body.from_number, tx.now())?;
    call.to_number = body.to_number;
    if matches!(body.source, Source::Sip | Source::Twilio) {
        // Its reports name it by the carrier's id, which is unique among the carrier's calls.
        call.source = body.source;
    }
    if !body.reference.is_empty() {
        call.reference = Some(body.reference);
    }
    let was = call.status;
    ping.status = PingStatus::Used;
    save(&mut tx, &mut ping).await?;
    tx.cancel(timers::ARRIVAL, call.id).await?;
    let campaign = tx.get::<CallCampaign>(call.call_campaign_id).await?;
    let ring = winning::ring_time(&campaign.unwrap_or_default());
    timers::await_answer(&mut tx, &call, ring).await?;
    ending::announce(&mut tx, &mut call, was)
        .await
        .map_err(|error| match error.reason() {
            "ALREADY_EXISTS" => Error::already_exists(
                "CALL_EXISTS",
                "A call of this source and reference exists already.",
            ),
            _ => error,
        })?;
    tx.commit(view(call, viewer)).await
}

/// Whether the call of a ping came, or is one of no ping.
///
/// # Errors
/// 503.
pub(crate) async fn has_come(app: &App, call: &Call) -> Result<bool> {
    let Some(id) = call.ping_id else {
        return Ok(true);
    };
    let found = app.store.get::<Ping>(id).await?;
    Ok(found.is_none_or(|ping| ping.status != PingStatus::Reserved))
}

/// The call comes in, under the ping's campaign, to the number that the ping named or another of that campaign.
async fn ensure_as_pinged(app: &App, ping: &Ping, body: &CallCreate) -> Result<()> {
    let is_its = |id: Uuid| id == ping.call_campaign_id;
    ensure(
        body.call_campaign_id.is_none_or(is_its),
        "call_campaign_id",
        "must be the campaign of the ping",
    )?;
    ensure(
        body.direction != Direction::Outbound,
        "direction",
        "must be inbound, as the call of a ping comes in",
    )?;
    let found = app.store.get::<CallCampaign>(ping.call_campaign_id).await?;
    let numbers = found.unwrap_or_default().numbers.0;
    ensure(
        numbers.is_empty() || numbers.contains(&body.to_number),
        "to_number",
        "must be the destination of the ping",
    )
}

fn not_accepted(ping: &Ping) -> Error {
    if ping.is_accepted() {
        Error::failed_precondition("PING_NOT_ACCEPTED", "The ping must be accepted first.")
            .with_detail(json!({"status": ping.status}))
    } else {
        expired(ping)
    }
}

fn ensure_expected(
    call: &Call,
    ping: &Ping,
    from_number: &str,
    now: bin_common_handler::models::time::Timestamp,
) -> Result<()> {
    if ping.status == PingStatus::Used {
        return Err(Error::already_exists(
            "CALL_EXISTS",
            "The call of this ping came already.",
        ));
    }
    if ping.status != PingStatus::Reserved || ping.expires <= now {
        return Err(expired(ping));
    }
    if ping.from_number != from_number {
        return Err(Error::failed_precondition(
            "CALLER_ID_MISMATCH",
            "The call comes from another number than was pinged.",
        ));
    }
    if call.status != CallStatus::Queued {
        return Err(invalid_state(call, "The call is not waited for any more."));
    }
    Ok(())
}

/// The call did not come in time: what is held goes back.
pub(super) async fn never_came(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(mut call) = tx.lock::<Call>(timer.entity_id).await? else {
        return Ok(());
    };
    let ping = match call.ping_id {
        Some(id) => tx.lock::<Ping>(id).await?,
        None => None,
    };
    let Some(mut ping) = ping.filter(|ping| ping.status == PingStatus::Reserved) else {
        return Ok(());
    };
    if call.status != CallStatus::Queued {
        ping.status = PingStatus::Expired;
        return save(tx, &mut ping).await;
    }
    // The ping ends with its call.
    let was = call.status;
    ending::end(tx, &mut call, CallStatus::Canceled).await?;
    "PING_EXPIRED".clone_into(&mut call.reason);
    ending::announce(tx, &mut call, was).await
}
