//! Where a call goes that came in by SIP.

use bin_common_handler::{
    context::RequestContext,
    models::{
        error::{Error, Result},
        identity::Scope,
    },
    phone,
};
use uuid::Uuid;

use super::message::{Request, Status};
use crate::{
    app::App,
    callhandler::create::{self, CallCreate},
    dbhandler::{numbers, pings},
    models::{
        call::{Call, Source},
        callstatus::CallStatus,
    },
    pinghandler,
    reporthandler::{self, Report},
    routehandler,
};

/// What the sender is told.
pub(super) struct Decided {
    pub status: Status,
    pub headers: Vec<(&'static str, String)>,
    /// The call that was sold: given up where nobody waits for it any more.
    pub sold: Option<(Uuid, Uuid)>,
}

/// Sells the call of an INVITE.
pub(super) async fn decide(app: &App, request: &Request) -> Decided {
    match Box::pin(sell(app, request)).await {
        Ok(Some(call)) => moved(request, &call),
        Ok(None) => refused(Status::NOT_FOUND, "NUMBER_UNKNOWN"),
        Err(error) => refused(status_of(&error), error.reason()),
    }
}

fn moved(request: &Request, call: &Call) -> Decided {
    let destination = match call.destination.strip_prefix('+') {
        Some(digits) => format!("sip:+{digits}@{};user=phone", request.host),
        None => call.destination.clone(),
    };
    let mut headers = vec![
        ("Contact", format!("<{destination}>")),
        ("X-Call-Id", call.id.to_string()),
    ];
    if let Some(bid_id) = call.bid_id {
        headers.push(("X-Bid-Id", bid_id.to_string()));
    }
    Decided {
        status: Status::MOVED,
        headers,
        sold: Some((call.customer_id, call.id)),
    }
}

fn refused(status: Status, reason: &str) -> Decided {
    let Status(code, _) = status;
    // RFC 3326; our reasons are capitals and underscores.
    let mut headers = vec![("Reason", format!("SIP;cause={code};text=\"{reason}\""))];
    if status == Status::BUSY {
        headers.push(("Retry-After", "5".to_owned()));
    }
    Decided {
        status,
        headers,
        sold: None,
    }
}

/// A call that is refused for what it is will be refused elsewhere, too (603); one that nobody takes now may be taken
/// later (480).
fn status_of(error: &Error) -> Status {
    match error.status().code() {
        404 => Status::NOT_FOUND,
        409 => Status::NOBODY,
        400 | 403 => Status::DECLINED,
        _ => Status::BUSY,
    }
}

/// The call, sold; nothing where the number is no campaign's.
async fn sell(app: &App, request: &Request) -> Result<Option<Call>> {
    let Ok(to_number) = phone::parse(&request.user) else {
        return Ok(None);
    };
    let Some(owner) = numbers::owner(&app.store.db, to_number.as_str()).await? else {
        return Ok(None);
    };
    let from_number = phone::parse(&request.caller).map_err(|_| {
        Error::invalid_argument(
            "CALLER_ID_REQUIRED",
            "The call has no number that it comes from.",
        )
    })?;
    let ctx = RequestContext {
        scope: Scope::tenant(owner.customer_id),
        ..RequestContext::internal()
    };
    let now = app.store.clock.now();
    let pinged = pings::awaited(
        &app.store.db,
        owner.customer_id,
        owner.call_campaign_id,
        from_number.as_str(),
        now,
    )
    .await?;
    let body = CallCreate {
        ping_id: pinged,
        call_campaign_id: Some(owner.call_campaign_id),
        from_number: from_number.as_str().to_owned(),
        to_number: to_number.as_str().to_owned(),
        source: Source::Sip,
        reference: request.call_id.clone(),
        ..CallCreate::default()
    };
    if pinged.is_some() {
        return Box::pin(pinghandler::arrive(app, &ctx, body))
            .await
            .map(Some);
    }
    let call = match create::create(app, &ctx, None, body).await {
        Err(error) if error.reason() == "CALL_EXISTS" => {
            return known(app, &ctx, owner.customer_id, request).await.map(Some);
        }
        made => made?,
    };
    Box::pin(routehandler::route(app, &ctx, call.id))
        .await
        .map(Some)
}

/// The same INVITE in another transaction has the same answer while its buyer is waited for.
async fn known(
    app: &App,
    ctx: &RequestContext,
    customer_id: Uuid,
    request: &Request,
) -> Result<Call> {
    let source = Some(Source::Sip);
    let found = reporthandler::by_reference(app, customer_id, source, &request.call_id).await?;
    match found.status {
        CallStatus::Queued | CallStatus::Ringing => Ok(found),
        CallStatus::Pending => routehandler::route(app, ctx, found.id).await,
        _ => Err(crate::callhandler::invalid_state(
            &found,
            "The call is over.",
        )),
    }
}

/// Nobody waits for the call any more: its buyer is told nothing, and its hold goes back.
pub(super) async fn give_up(app: &App, (customer_id, call_id): (Uuid, Uuid)) -> Result<()> {
    let ctx = RequestContext {
        scope: Scope::tenant(customer_id),
        ..RequestContext::internal()
    };
    let report = Report::of(CallStatus::Canceled);
    reporthandler::report(app, &ctx, call_id, &report)
        .await
        .map(drop)
}
