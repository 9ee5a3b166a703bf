//! A carrier's voice webhooks (Twilio's form and XML): a call that comes in on a campaign's number is sold, and the
//! carrier is told whom to dial. Each is signed with the campaign's token; who does not have it learns nothing.
//!
//! A webhook that comes twice, or late, changes nothing: the call has the carrier's id as its reference, and each report
//! names the bid that it is about.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::Raw,
    models::{
        check::not_blank,
        error::{Error, Result},
        identity::{Scope, parse_uuid},
    },
    phone,
    webhooks::{
        twilio::is_signed,
        twiml::{EMPTY, REJECT, escaped, response, say},
    },
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    callhandler::{
        create::{self, CallCreate},
        invalid_state, not_found,
    },
    dbhandler::{calls, pings},
    models::{
        call::{Call, Source},
        callcampaign::CallCampaign,
        callstatus::CallStatus,
    },
    pinghandler,
    reporthandler::{self, Report},
    routehandler,
};

/// What a carrier says of a call.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct CarrierForm {
    account_sid: String,
    call_sid: String,
    /// Of the leg to the buyer: the caller's.
    parent_call_sid: String,
    from: String,
    to: String,
    call_status: String,
    dial_call_status: String,
    dial_call_duration: String,
}

impl CarrierForm {
    /// A call without an id would be found by no later webhook.
    fn check(&self) -> Result<()> {
        not_blank("CallSid", &self.call_sid)
    }

    /// How long the buyer was talked to, in seconds; 0 where that is no number.
    fn seconds(&self) -> i64 {
        let seconds: i64 = self.dial_call_duration.parse().unwrap_or(0);
        seconds.max(0)
    }

    /// Whether the caller's own leg is over: whoever hangs up while a buyer rings is reported as that buyer's `no-answer`.
    fn is_over(&self) -> bool {
        matches!(
            self.call_status.as_str(),
            "completed" | "canceled" | "failed" | "busy" | "no-answer"
        )
    }
}

/// 403: a stranger learns nothing of which campaigns exist.
fn refused() -> Error {
    Error::permission_denied("BAD_SIGNATURE", "The signature is not right.")
}

/// The campaign that a webhook is for, when its carrier sent it.
///
/// # Errors
/// 403; 400 naming `CallSid`; 503.
async fn verified(app: &App, id: Uuid, raw: &Raw, form: &CarrierForm) -> Result<CallCampaign> {
    let found = app.store.get::<CallCampaign>(id).await?;
    let campaign = found
        .filter(|campaign| campaign.tm_delete.is_none() && !campaign.carrier_token.is_empty())
        .ok_or_else(refused)?;
    let token = app
        .sealer
        .open(&campaign.carrier_token, &campaign.token_place())?;
    if campaign.carrier_account == form.account_sid && is_signed(&token, raw) {
        form.check()?;
        Ok(campaign)
    } else {
        app.watch.wrong();
        Err(refused())
    }
}

/// Within the campaign's tenant; the webhook's own operation is no reply of ours.
fn within(campaign: &CallCampaign) -> RequestContext {
    RequestContext {
        scope: Scope::tenant(campaign.customer_id),
        ..RequestContext::internal()
    }
}

/// A call comes in: it is sold, and the answer dials its buyer.
///
/// # Errors
/// 400 without a `CallSid`; 403; 503, upon which the carrier tries its fallback.
pub(crate) async fn voice(
    app: &App,
    campaign_id: Uuid,
    raw: &Raw,
    form: &CarrierForm,
) -> Result<String> {
    let campaign = verified(app, campaign_id, raw, form).await?;
    let ctx = within(&campaign);
    match Box::pin(sell(app, &ctx, &campaign, form)).await {
        Ok(call) => Ok(dial(&campaign, &call, raw.url())),
        Err(error) if error.status().code() < 500 => Ok(REJECT.to_owned()),
        Err(error) => Err(error),
    }
}

async fn sell(
    app: &App,
    ctx: &RequestContext,
    campaign: &CallCampaign,
    form: &CarrierForm,
) -> Result<Call> {
    let number = |text: &str| {
        phone::parse(text)
            .map(|number| number.as_str().to_owned())
            .map_err(|_| Error::invalid_argument("CALLER_ID_REQUIRED", "The call has no number."))
    };
    let (from_number, to_number) = (number(&form.from)?, number(&form.to)?);
    // A webhook that comes again is about the call that it made, or that a ping was waiting for.
    if let Some(known) = known(app, campaign, &form.call_sid, &from_number).await? {
        return go_on(app, ctx, campaign, known).await;
    }
    let now = app.store.clock.now();
    let (db, customer_id) = (&app.store.db, campaign.customer_id);
    let pinged = pings::awaited(db, customer_id, campaign.id, &from_number, now).await?;
    let body = CallCreate {
        ping_id: pinged,
        call_campaign_id: Some(campaign.id),
        from_number: from_number.clone(),
        to_number,
        source: Source::Twilio,
        reference: form.call_sid.clone(),
        ..CallCreate::default()
    };
    let made = match pinged {
        Some(_) => Box::pin(pinghandler::arrive(app, ctx, body)).await,
        None => Box::pin(make(app, ctx, body)).await,
    };
    match made {
        // The same webhook was served at the same time.
        Err(error) if matches!(error.reason(), "CALL_EXISTS" | "CALL_ALREADY_ROUTED") => {
            match known(app, campaign, &form.call_sid, &from_number).await? {
                Some(known) => go_on(app, ctx, campaign, known).await,
                None => Err(error),
            }
        }
        made => made,
    }
}

async fn make(app: &App, ctx: &RequestContext, body: CallCreate) -> Result<Call> {
    let call = create::create(app, ctx, None, body).await?;
    routehandler::route_or_turn_away(app, ctx, call.id).await
}

/// What is said of a call that was there before: its buyer, as long as one is waited for or has it.
async fn go_on(
    app: &App,
    ctx: &RequestContext,
    campaign: &CallCampaign,
    known: Call,
) -> Result<Call> {
    if known.status != CallStatus::Pending {
        return still_on(known);
    }
    let routed = Box::pin(routehandler::route_or_turn_away(app, ctx, known.id)).await;
    match routed {
        // The same webhook was served at the same time, and was faster: both have its answer.
        Err(error) if matches!(error.reason(), "CALL_ALREADY_ROUTED" | "INVALID_CALL_STATE") => {
            let call_sid = known.reference.as_deref().unwrap_or_default();
            let found = current(app, campaign, call_sid).await?;
            if found.status == CallStatus::Pending {
                return Err(error);
            }
            still_on(found)
        }
        routed => routed,
    }
}

/// A call that was sold and has not ended.
fn still_on(call: Call) -> Result<Call> {
    if call.status.is_final() {
        return Err(invalid_state(&call, "The call is over."));
    }
    Ok(call)
}

/// The call of this webhook, where it came before. One that a ping still waits for has not.
async fn known(
    app: &App,
    campaign: &CallCampaign,
    call_sid: &str,
    from_number: &str,
) -> Result<Option<Call>> {
    let Some(call) = of_carrier(app, campaign, call_sid).await? else {
        return Ok(None);
    };
    if call.source == Source::Twilio {
        return Ok(Some(call));
    }
    let has_come = call.from_number == from_number && pinghandler::has_come(app, &call).await?;
    Ok(Some(call).filter(|_| has_come))
}

/// The campaign's call with the carrier's id: one that its webhook brought goes before one of a ping. Calls of other
/// campaigns and sources may have any reference.
async fn of_carrier(app: &App, campaign: &CallCampaign, call_sid: &str) -> Result<Option<Call>> {
    if call_sid.is_empty() {
        return Ok(None);
    }
    let sources = &[Source::Twilio, Source::Ping];
    let found = calls::by_reference(&app.store.db, campaign.customer_id, sources, call_sid).await?;
    let mut own: Vec<Call> = found
        .into_iter()
        .filter(|call| call.call_campaign_id == campaign.id)
        .collect();
    own.sort_by_key(|call| call.source != Source::Twilio);
    Ok(own.into_iter().next())
}

async fn current(app: &App, campaign: &CallCampaign, call_sid: &str) -> Result<Call> {
    let found = of_carrier(app, campaign, call_sid).await?;
    found.ok_or_else(not_found)
}

/// The answer that dials the buyer of a call.
fn dial(campaign: &CallCampaign, call: &Call, url: &str) -> String {
    let Some(bid_id) = call.bid_id.filter(|_| !call.destination.is_empty()) else {
        return response("<Hangup/>");
    };
    // The other webhooks stand beside this one.
    let path = url.split('?').next().unwrap_or_default();
    let (base, _) = path.rsplit_once('/').unwrap_or_default();
    let beside = |name: &str| escaped(&format!("{base}/{name}?bid_id={bid_id}"));
    let whisper = if campaign.whisper.is_empty() {
        String::new()
    } else {
        format!(" url=\"{}\"", beside("whisper"))
    };
    let noun = if call.destination.starts_with('+') {
        "Number"
    } else {
        "Sip"
    };
    response(&format!(
        "<Dial timeout=\"{}\" answerOnBridge=\"true\" action=\"{}\"><{noun}{whisper} \
         statusCallback=\"{}\" statusCallbackEvent=\"ringing answered\">{}</{noun}></Dial>",
        campaign.ring_seconds,
        beside("dialed"),
        beside("leg"),
        escaped(&call.destination),
    ))
}

/// The turn of a buyer is over: the call ends, or the answer dials the next one.
///
/// # Errors
/// 400, 403, 404, 503.
pub(crate) async fn dialed(
    app: &App,
    campaign_id: Uuid,
    bid_id: &str,
    raw: &Raw,
    form: &CarrierForm,
) -> Result<String> {
    let campaign = verified(app, campaign_id, raw, form).await?;
    let status = match form.dial_call_status.as_str() {
        "completed" | "answered" => CallStatus::Completed,
        "busy" => CallStatus::Busy,
        "canceled" => CallStatus::Canceled,
        "failed" => CallStatus::Failed,
        _ => CallStatus::NoAnswer,
    };
    let seconds = form.seconds();
    let call = current(app, &campaign, &form.call_sid).await?;
    let bid_id = parse_uuid(bid_id).unwrap_or_default();
    let has_talked = status == CallStatus::Completed && seconds > 0;
    if has_talked && is_too_late(&call, bid_id) {
        app.watch.answered_too_late();
    }
    if is_over_elsewhere(&call, bid_id, has_talked || form.is_over()) {
        stop(app, &campaign, call).await?;
        return Ok(response("<Hangup/>"));
    }
    let is_waiting = matches!(call.status, CallStatus::Queued | CallStatus::Ringing);
    let status = match status {
        CallStatus::Completed => status,
        // It is no buyer's fault, and nobody hears the answer that would dial the next one.
        _ if is_waiting && form.is_over() => CallStatus::Canceled,
        status => status,
    };
    let call = Box::pin(advance(app, &campaign, call, bid_id, status, seconds)).await?;
    if call.status == CallStatus::Queued {
        return Ok(dial(&campaign, &call, raw.url()));
    }
    Ok(response("<Hangup/>"))
}

/// Whether a report is about a buyer whose time ran out. Its hold is gone, so that it pays nothing.
fn is_too_late(call: &Call, bid_id: Uuid) -> bool {
    let was_its_turn = call
        .attempts
        .0
        .iter()
        .any(|attempt| attempt.bid_id == bid_id);
    was_its_turn && matches!(call.status, CallStatus::Queued | CallStatus::NoAnswer)
}

/// Whether a report ends a call that waits for another buyer than the report is about. The reports of an earlier buyer were
/// lost, so its time ran out while it talked with the caller, and the next one was chosen, whom nobody has dialled.
fn is_over_elsewhere(call: &Call, bid_id: Uuid, is_over: bool) -> bool {
    let is_waiting = call.status == CallStatus::Queued && call.bid_id != Some(bid_id);
    is_over && is_waiting && is_too_late(call, bid_id)
}

/// The call ends, and nobody is blamed: the buyer that waited for it was never dialled.
async fn stop(app: &App, campaign: &CallCampaign, call: Call) -> Result<()> {
    let bid_id = call.bid_id.unwrap_or_default();
    let stopped = advance(app, campaign, call, bid_id, CallStatus::Canceled, 0);
    Box::pin(stopped).await.map(drop)
}

/// The leg to a buyer rings, or was answered.
///
/// # Errors
/// 400, 403, 404, 503.
pub(crate) async fn leg(
    app: &App,
    campaign_id: Uuid,
    bid_id: &str,
    raw: &Raw,
    form: &CarrierForm,
) -> Result<String> {
    let campaign = verified(app, campaign_id, raw, form).await?;
    let status = match form.call_status.as_str() {
        "ringing" => CallStatus::Ringing,
        "in-progress" | "answered" => CallStatus::InProgress,
        _ => return Ok(EMPTY.to_owned()),
    };
    let call = current(app, &campaign, &form.parent_call_sid).await?;
    let bid_id = parse_uuid(bid_id).unwrap_or_default();
    Box::pin(advance(app, &campaign, call, bid_id, status, 0)).await?;
    Ok(EMPTY.to_owned())
}

/// What is said to the buyer before the caller is put through.
///
/// # Errors
/// 400, 403, 503.
pub(crate) async fn whisper(
    app: &App,
    campaign_id: Uuid,
    raw: &Raw,
    form: &CarrierForm,
) -> Result<String> {
    let campaign = verified(app, campaign_id, raw, form).await?;
    Ok(response(&say(&campaign.whisper)))
}

/// Brings a call to a state through those before it, as a carrier tells some late or never. What is late, or about
/// another buyer's turn, changes nothing.
async fn advance(
    app: &App,
    campaign: &CallCampaign,
    mut call: Call,
    bid_id: Uuid,
    target: CallStatus,
    seconds: i64,
) -> Result<Call> {
    let ctx = within(campaign);
    let way: &[CallStatus] = match target {
        CallStatus::Ringing => &[CallStatus::Ringing],
        CallStatus::InProgress => &[CallStatus::Ringing, CallStatus::InProgress],
        CallStatus::Completed => &[
            CallStatus::Ringing,
            CallStatus::InProgress,
            CallStatus::Completed,
        ],
        CallStatus::Busy => &[CallStatus::Ringing, CallStatus::Busy],
        CallStatus::NoAnswer => &[CallStatus::Ringing, CallStatus::NoAnswer],
        CallStatus::Failed => &[CallStatus::Failed],
        _ => &[CallStatus::Canceled],
    };
    for status in way {
        if call.bid_id != Some(bid_id) || !call.status.may_become(*status) {
            continue;
        }
        let report = Report::of(*status).about(bid_id, seconds);
        call = match reporthandler::report(app, &ctx, call.id, &report).await {
            // Somebody else was faster.
            Err(error) if error.reason() == "INVALID_CALL_STATE" => break,
            reported => reported?,
        };
    }
    Ok(call)
}
