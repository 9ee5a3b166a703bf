//! What the switch says about a call, and what a buyer's system says that it was worth.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        check::{ensure, in_range, plain},
        error::{Error, Result},
        identity::{optional_owner, optional_uuid},
        text::null_is_default,
    },
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    auctionhandler,
    callhandler::{invalid_state, lock, not_found},
    dbhandler::calls,
    models::{
        call::{Call, Source},
        callcampaign::{CallCampaign, Conversion, ConversionKind},
        callstatus::CallStatus,
        ping::{Ping, PingStatus},
    },
    routehandler::{
        ending::{self, Missed},
        timers, winning,
    },
    standing::Standing,
    turns,
    viewer::{Viewer, ensure_operator},
};

/// Longest call, in seconds.
const DURATION_MAX: i64 = 7 * 86_400;

/// Body of `POST /v1/calls/<call-id>/status`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct Report {
    status: CallStatus,
    #[serde(default, deserialize_with = "null_is_default")]
    duration_seconds: i64,
    /// A cause of Q.850 or a phrase of SIP; kept are letters, digits, spaces, `-`, `_` and `.`.
    #[serde(default, deserialize_with = "null_is_default")]
    hangup_cause: String,
    /// Whose turn it is about; one that is not the current one's changes nothing.
    #[serde(default, deserialize_with = "optional_uuid")]
    bid_id: Option<Uuid>,
}

impl Report {
    /// That a call is in this state now.
    pub(crate) fn of(status: CallStatus) -> Self {
        Self {
            status,
            duration_seconds: 0,
            hangup_cause: String::new(),
            bid_id: None,
        }
    }

    /// About this buyer's turn; and how long the call lasted.
    pub(crate) fn about(self, bid_id: Uuid, duration_seconds: i64) -> Self {
        Self {
            bid_id: Some(bid_id),
            duration_seconds: duration_seconds.clamp(0, DURATION_MAX),
            ..self
        }
    }
}

/// Body of `POST /v1/calls/status`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct ReferredReport {
    /// The carrier's id of the call: over SIP its Call-ID.
    reference: String,
    /// Where the call came from; needed where calls of several sources have the same reference.
    #[serde(default)]
    source: Option<Source>,
    #[serde(default, deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    #[serde(flatten)]
    report: Report,
}

/// Moves the call on that has this reference.
///
/// # Errors
/// As [`report`]; 400 when several calls have it.
pub(crate) async fn report_by_reference(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    body: &ReferredReport,
) -> Result<Call> {
    ensure_operator(ctx)?;
    let customer_id = ctx.scope.required_owner(body.customer_id.or(named))?;
    let call = by_reference(app, customer_id, body.source, &body.reference).await?;
    report(app, ctx, call.id, &body.report).await
}

/// The customer's call with this reference. Where no source is named, one that came by a carrier goes before those that
/// requests made: anybody may give a request the carrier's id.
///
/// # Errors
/// 404; 400 when several sources have it and none is named; 503.
pub(crate) async fn by_reference(
    app: &App,
    customer_id: Uuid,
    source: Option<Source>,
    reference: &str,
) -> Result<Call> {
    let sources = source.as_ref().map_or(Source::ALL, std::slice::from_ref);
    let mut found = calls::by_reference(&app.store.db, customer_id, sources, reference).await?;
    let by_carrier = |call: &Call| matches!(call.source, Source::Sip | Source::Twilio);
    if found.iter().any(by_carrier) {
        found.retain(by_carrier);
    }
    ensure(
        found.len() <= 1,
        "source",
        "must be there, as calls of several sources have this reference",
    )?;
    found.pop().ok_or_else(not_found)
}

/// Body of `POST /v1/calls/<call-id>/conversion`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct Told {
    kind: ConversionKind,
    converted: bool,
}

/// Moves a call on. A report of the state that it is in, or of another buyer's turn, changes nothing.
///
/// # Errors
/// 409 `INVALID_CALL_STATE` when the state cannot follow, `PING_NOT_ARRIVED`; 404; 503.
pub(crate) async fn report(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    report: &Report,
) -> Result<Call> {
    ensure_operator(ctx)?;
    in_range("duration_seconds", report.duration_seconds, 0, DURATION_MAX)?;
    let cause = &report.hangup_cause;
    ensure(cause.len() <= 255, "hangup_cause", "has at most 255 bytes")?;
    plain("hangup_cause", cause)?;
    let turn = turns::without(ctx);
    loop {
        match Box::pin(report_once(app, ctx, id, report)).await {
            // It was rolled back, e.g. beside another call of the same accounts.
            Err(error) => turn.again(error).await?,
            reported => return reported,
        }
    }
}

/// One transaction.
async fn report_once(app: &App, ctx: &RequestContext, id: Uuid, report: &Report) -> Result<Call> {
    let mut tx = app.store.begin(ctx).await?;
    let mut call = lock(&mut tx, ctx, Viewer::Operator, id).await?;
    let is_other_turn = report.bid_id.is_some() && report.bid_id != call.bid_id;
    if is_other_turn || report.status == call.status {
        return tx.commit(call).await;
    }
    ensure_come(&mut tx, &call, report).await?;
    let was = call.status;
    apply(&mut tx, &app.standing, &mut call, report).await?;
    let cause = cause_of(&report.hangup_cause);
    if !cause.is_empty() {
        call.hangup_cause = cause;
    }
    ending::announce(&mut tx, &mut call, was).await?;
    tx.commit(call).await
}

/// What is kept of how a carrier says that a call ended: what causes of Q.850 and SIP's phrases are written with. Anything else
/// becomes a space, as a report counts whatever words it brings: refused, it would leave money held.
fn cause_of(text: &str) -> String {
    let is_kept = |c: char| c.is_alphabetic() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let words = text.split(|c| !is_kept(c)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// A call that its ping still waits for can end, and nothing else: it rings nowhere before it came.
async fn ensure_come(tx: &mut ChangeTx<'_>, call: &Call, report: &Report) -> Result<()> {
    let ends = match report.status {
        CallStatus::Canceled => true,
        CallStatus::Failed => report.bid_id.is_none(),
        _ => false,
    };
    let Some(ping_id) = call.ping_id.filter(|_| !ends) else {
        return Ok(());
    };
    let found = tx.get::<Ping>(ping_id).await?;
    if found.is_none_or(|ping| ping.status != PingStatus::Reserved) {
        return Ok(());
    }
    Err(Error::failed_precondition(
        "PING_NOT_ARRIVED",
        "The call of the ping has not come yet; it comes by POST /v1/calls with ping_id.",
    )
    .with_detail(serde_json::json!({"status": call.status})))
}

async fn apply(
    tx: &mut ChangeTx<'_>,
    standing: &Standing,
    call: &mut Call,
    report: &Report,
) -> Result<()> {
    let is_leg =
        report.bid_id.is_some() && matches!(call.status, CallStatus::Queued | CallStatus::Ringing);
    match report.status {
        // A leg that failed is no answer of this buyer; without a bid's id the whole call failed.
        CallStatus::Failed if is_leg => {
            ending::next_buyer(tx, standing, call, Missed::Failed).await
        }
        status if !call.status.may_become(status) || status == CallStatus::Queued => Err(
            invalid_state(call, "The call cannot get into this state now."),
        ),
        CallStatus::Ringing => ring(tx, call).await,
        CallStatus::InProgress => {
            call.status = CallStatus::InProgress;
            call.tm_answer = Some(tx.now());
            ending::answered(tx, call).await?;
            timers::await_end(tx, call).await
        }
        CallStatus::Completed => complete(tx, call, report.duration_seconds).await,
        CallStatus::Busy => ending::next_buyer(tx, standing, call, Missed::Busy).await,
        CallStatus::NoAnswer => ending::next_buyer(tx, standing, call, Missed::NoAnswer).await,
        status => {
            auctionhandler::cancel_of(tx, call).await?;
            ending::end(tx, call, status).await
        }
    }
}

async fn ring(tx: &mut ChangeTx<'_>, call: &mut Call) -> Result<()> {
    call.status = CallStatus::Ringing;
    let found = tx.get::<CallCampaign>(call.call_campaign_id).await?;
    let campaign = found.unwrap_or_default();
    timers::await_answer(tx, call, winning::ring_time(&campaign)).await
}

async fn complete(tx: &mut ChangeTx<'_>, call: &mut Call, duration_seconds: i64) -> Result<()> {
    call.duration_seconds = duration_seconds;
    if !ending::is_held(call) {
        return ending::complete(tx, call).await;
    }
    let conversion = conversion_of(tx, call).await?;
    let pays = conversion.kind == ConversionKind::Duration
        && duration_seconds >= conversion.threshold_seconds;
    if pays {
        // Both accounts in their order, before the buyer's alone.
        ending::lock_parties(tx, call).await?;
    }
    ending::complete(tx, call).await?;
    match conversion.kind {
        ConversionKind::Duration if pays => ending::capture(tx, call).await,
        ConversionKind::Duration => ending::forgo(tx, call).await,
        _ => timers::await_conversion(tx, call).await,
    }
}

/// The terms of conversion under which a call was won, whatever became of its campaign; one that was won before they were
/// kept goes by the campaign's.
async fn conversion_of(tx: &mut ChangeTx<'_>, call: &Call) -> Result<Conversion> {
    if let Some(kept) = call.conversion.0 {
        return Ok(kept);
    }
    let found = tx.get::<CallCampaign>(call.call_campaign_id).await?;
    Ok(found.unwrap_or_default().conversion.0)
}

/// Somebody says whether an answered call converted. Saying it again changes nothing.
///
/// # Errors
/// 400 when the campaign's calls convert by something else; 409 when it was decided otherwise; 404; 503.
pub(crate) async fn convert(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    told: &Told,
) -> Result<Call> {
    ensure_operator(ctx)?;
    let turn = turns::without(ctx);
    loop {
        match Box::pin(convert_once(app, ctx, id, told)).await {
            Err(error) => turn.again(error).await?,
            converted => return converted,
        }
    }
}

/// One transaction.
async fn convert_once(app: &App, ctx: &RequestContext, id: Uuid, told: &Told) -> Result<Call> {
    let mut tx = app.store.begin(ctx).await?;
    let mut call = lock(&mut tx, ctx, Viewer::Operator, id).await?;
    let expected = conversion_of(&mut tx, &call).await?.kind;
    ensure(
        told.kind == expected && expected != ConversionKind::Duration,
        "kind",
        "is not what the campaign's calls convert by",
    )?;
    if call.converted == Some(told.converted) {
        return tx.commit(call).await;
    }
    let is_answered = matches!(call.status, CallStatus::InProgress | CallStatus::Completed);
    if !is_answered || !ending::is_held(&call) {
        return Err(invalid_state(
            &call,
            "The conversion of the call is decided, or not due.",
        ));
    }
    let (was, is_over) = (call.status, call.status.is_final());
    if told.converted {
        ending::capture(&mut tx, &mut call).await?;
    } else {
        ending::forgo(&mut tx, &mut call).await?;
    }
    if !is_over {
        // It goes on, and its end is still waited for.
        timers::await_end(&mut tx, &call).await?;
    }
    ending::announce(&mut tx, &mut call, was).await?;
    tx.commit(call).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::q850("16", "16")]
    #[case::name("NORMAL_CLEARING", "NORMAL_CLEARING")]
    #[case::sip("SIP 603 Decline", "SIP 603 Decline")]
    #[case::reason("Q.850;cause=16;text=\"Terminated\"", "Q.850 cause 16 text Terminated")]
    #[case::parted("Call/Transaction Does Not Exist", "Call Transaction Does Not Exist")]
    #[case::comma("Normal, unspecified", "Normal unspecified")]
    #[case::letters("besetzt-übermittelt", "besetzt-übermittelt")]
    #[case::markup("<b>busy</b>", "b busy b")]
    #[case::other_digits("\u{ff11}\u{ff16}", "")]
    #[case::nothing(" ;, ", "")]
    fn a_cause_is_a_token(#[case] text: &str, #[case] kept: &str) {
        assert_eq!(cause_of(text), kept);
    }
}
