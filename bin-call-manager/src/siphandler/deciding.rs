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
    callhandler::{
        create::{self, CallCreate},
        invalid_state,
    },
    dbhandler::{
        calls,
        numbers::{self, Belongs},
        pings,
    },
    models::{
        call::{Call, Source},
        callstatus::CallStatus,
    },
    pinghandler,
    reporthandler::{self, Report},
    routehandler,
};

/// How often a decision is tried that the database rolled back.
const TRIES_MAX: u32 = 5;

/// What the sender is told.
pub(super) struct Decided {
    pub status: Status,
    pub headers: Vec<(&'static str, String)>,
    /// The call that this very transaction made and sold: given up where it was cancelled meanwhile.
    pub sold: Option<(Uuid, Uuid)>,
}

/// Sells the call of an INVITE.
pub(super) async fn decide(app: &App, request: &Request) -> Decided {
    match Box::pin(sell(app, request)).await {
        Ok(Some((call, _))) if call.destination.is_empty() => {
            refused(Status::NOBODY, "NO_BIDS_AVAILABLE")
        }
        Ok(Some((call, is_own))) => moved(request, &call, is_own),
        Ok(None) => refused(Status::NOT_FOUND, "NUMBER_UNKNOWN"),
        Err(error) => refused(status_of(&error), error.reason()),
    }
}

fn moved(request: &Request, call: &Call, is_own: bool) -> Decided {
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
        sold: is_own.then_some((call.customer_id, call.id)),
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

/// The call, sold, and whether this transaction brought it; nothing where the number is no campaign's.
async fn sell(app: &App, request: &Request) -> Result<Option<(Call, bool)>> {
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
    let (from, to) = (from_number.as_str(), to_number.as_str());
    let mut tries = 0;
    loop {
        tries += 1;
        match Box::pin(sell_once(app, &ctx, &owner, from, to, request)).await {
            // It was rolled back, e.g. beside the same INVITE in another transaction.
            Err(error) if error.is_retriable() && tries < TRIES_MAX => {}
            sold => return sold.map(Some),
        }
    }
}

async fn sell_once(
    app: &App,
    ctx: &RequestContext,
    owner: &Belongs,
    from_number: &str,
    to_number: &str,
    request: &Request,
) -> Result<(Call, bool)> {
    if let Some(known) = known(app, ctx, owner, request).await? {
        return Ok((known, false));
    }
    match Box::pin(bring(app, ctx, owner, from_number, to_number, request)).await {
        // The same INVITE was decided about at the same time.
        Err(error) if matches!(error.reason(), "CALL_EXISTS" | "CALL_ALREADY_ROUTED") => {
            let found = known(app, ctx, owner, request).await?;
            found.map(|known| (known, false)).ok_or(error)
        }
        brought => brought.map(|call| (call, true)),
    }
}

/// Brings a new call: the one that a ping waits for, or one that is sold now.
async fn bring(
    app: &App,
    ctx: &RequestContext,
    owner: &Belongs,
    from_number: &str,
    to_number: &str,
    request: &Request,
) -> Result<Call> {
    let (db, now) = (&app.store.db, app.store.clock.now());
    let campaign_id = owner.call_campaign_id;
    let pinged = pings::awaited(db, owner.customer_id, campaign_id, from_number, now).await?;
    let body = CallCreate {
        ping_id: pinged,
        call_campaign_id: Some(campaign_id),
        from_number: from_number.to_owned(),
        to_number: to_number.to_owned(),
        source: Source::Sip,
        reference: request.call_id.clone(),
        ..CallCreate::default()
    };
    if pinged.is_some() {
        return Box::pin(pinghandler::arrive(app, ctx, body)).await;
    }
    let call = create::create(app, ctx, None, body).await?;
    Box::pin(routehandler::route(app, ctx, call.id)).await
}

/// The same INVITE in another transaction has the same answer while its buyer is waited for.
async fn known(
    app: &App,
    ctx: &RequestContext,
    owner: &Belongs,
    request: &Request,
) -> Result<Option<Call>> {
    let Some(found) = by_call_id(app, owner, request).await? else {
        return Ok(None);
    };
    if found.status != CallStatus::Pending {
        return waiting(found).map(Some);
    }
    match Box::pin(routehandler::route(app, ctx, found.id)).await {
        // The transaction that made it was faster.
        Err(error) if error.reason() == "CALL_ALREADY_ROUTED" => {
            match by_call_id(app, owner, request).await? {
                Some(found) => waiting(found).map(Some),
                None => Err(error),
            }
        }
        routed => routed.map(Some),
    }
}

async fn by_call_id(app: &App, owner: &Belongs, request: &Request) -> Result<Option<Call>> {
    let (db, sources) = (&app.store.db, &[Source::Sip]);
    let found = calls::by_reference(db, owner.customer_id, sources, &request.call_id).await?;
    Ok(found.into_iter().next())
}

fn waiting(call: Call) -> Result<Call> {
    match call.status {
        CallStatus::Queued | CallStatus::Ringing => Ok(call),
        _ => Err(invalid_state(&call, "The call is over.")),
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
