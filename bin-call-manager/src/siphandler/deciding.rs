//! Where a call goes that came in by SIP.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    models::{
        error::{Error, Result},
        identity::Scope,
    },
    phone,
};
use tracing::debug;
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
    routehandler::{self, unsold},
};

/// Longest Call-ID that a call is kept under, in bytes; SIP itself has no limit.
const CALL_ID_MAX: usize = 255;
const CALL_ID_TOO_LONG: &str = "CALL_ID_TOO_LONG";
/// A Call-ID names one call of one caller (RFC 3261, 8.1.1.4).
const CALL_ID_TAKEN: &str = "CALL_ID_TAKEN";

/// How often a decision is tried that the database rolled back.
const TRIES_MAX: u32 = 5;

/// Before a call that was cancelled is given up once more.
const GIVE_UP_PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::ZERO,
];

/// What the sender is told.
pub(super) struct Decided {
    pub status: Status,
    pub headers: Vec<(&'static str, String)>,
    /// Given up where it was cancelled meanwhile.
    pub own: Option<Own>,
}

/// The call that this very transaction made or sold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    customer_id: Uuid,
    call_id: Uuid,
    /// By this transaction; another one of the same call may have sold it.
    is_sold: bool,
}

impl Own {
    const fn of(call: &Call, is_sold: bool) -> Self {
        Self {
            customer_id: call.customer_id,
            call_id: call.id,
            is_sold,
        }
    }
}

/// Sells the call of an INVITE.
pub(super) async fn decide(app: &App, request: &Request) -> Decided {
    let mut own = None;
    let sold = Box::pin(sell(app, request, &mut own)).await;
    let decided = match sold {
        Ok(Some(call)) if call.destination.is_empty() => {
            refused(Status::NOBODY, "NO_BIDS_AVAILABLE")
        }
        Ok(Some(call)) => moved(request, &call),
        Ok(None) => refused(Status::NOT_FOUND, "NUMBER_UNKNOWN"),
        Err(error) => refused(status_of(&error), error.reason()),
    };
    Decided { own, ..decided }
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
        own: None,
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
        own: None,
    }
}

/// A call that is refused for what it is will be refused elsewhere, too (603); one that nobody takes now may be taken
/// later (480).
fn status_of(error: &Error) -> Status {
    if matches!(error.reason(), CALL_ID_TOO_LONG | CALL_ID_TAKEN) {
        return Status::BAD_REQUEST;
    }
    match error.status().code() {
        404 => Status::NOT_FOUND,
        409 => Status::NOBODY,
        400 | 403 => Status::DECLINED,
        _ => Status::BUSY,
    }
}

/// What an INVITE asks for.
struct Asked<'a> {
    /// Whose number it is for.
    owner: Belongs,
    from: &'a str,
    to: &'a str,
    call_id: &'a str,
}

impl Asked<'_> {
    fn is_for(&self, call: &Call) -> bool {
        call.call_campaign_id == self.owner.call_campaign_id
            && call.from_number == self.from
            && call.to_number == self.to
    }
}

/// The call, sold; nothing where the number is no campaign's. What this transaction did is noted in `own`, also where it
/// fails.
async fn sell(app: &App, request: &Request, own: &mut Option<Own>) -> Result<Option<Call>> {
    if request.call_id.len() > CALL_ID_MAX {
        let message = "The Call-ID has more than 255 bytes.";
        return Err(Error::invalid_argument(CALL_ID_TOO_LONG, message));
    }
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
    let asked = Asked {
        owner,
        from: from_number.as_str(),
        to: to_number.as_str(),
        call_id: &request.call_id,
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let sold = Box::pin(sell_once(app, &ctx, &asked, own)).await;
        match sold {
            // It was rolled back, e.g. beside the same INVITE in another transaction.
            Err(error) if error.is_retriable() && tries < TRIES_MAX => {}
            sold => return sold.map(Some),
        }
    }
}

async fn sell_once(
    app: &App,
    ctx: &RequestContext,
    asked: &Asked<'_>,
    own: &mut Option<Own>,
) -> Result<Call> {
    if let Some(known) = known(app, ctx, asked, own).await? {
        return Ok(known);
    }
    let brought = Box::pin(bring(app, ctx, asked, own)).await;
    match brought {
        // The same INVITE was decided about at the same time.
        Err(error) if matches!(error.reason(), "CALL_EXISTS" | "CALL_ALREADY_ROUTED") => {
            known(app, ctx, asked, own).await?.ok_or(error)
        }
        brought => brought,
    }
}

/// Brings a new call: the one that a ping waits for, or one that is sold now.
async fn bring(
    app: &App,
    ctx: &RequestContext,
    asked: &Asked<'_>,
    own: &mut Option<Own>,
) -> Result<Call> {
    let (db, now) = (&app.store.db, app.store.clock.now());
    let Belongs {
        customer_id,
        call_campaign_id,
        ..
    } = asked.owner;
    let pinged = pings::awaited(db, customer_id, call_campaign_id, asked.from, now).await?;
    let body = CallCreate {
        ping_id: pinged,
        call_campaign_id: Some(call_campaign_id),
        from_number: asked.from.to_owned(),
        to_number: asked.to.to_owned(),
        source: Source::Sip,
        reference: asked.call_id.to_owned(),
        ..CallCreate::default()
    };
    if pinged.is_some() {
        let call = Box::pin(pinghandler::arrive(app, ctx, body)).await?;
        *own = Some(Own::of(&call, true));
        return Ok(call);
    }
    let call = create::create(app, ctx, None, body).await?;
    *own = Some(Own::of(&call, false));
    let call = Box::pin(routehandler::route_or_turn_away(app, ctx, call.id)).await?;
    *own = Some(Own::of(&call, true));
    Ok(call)
}

/// The same INVITE in another transaction has the same answer while its buyer is waited for.
async fn known(
    app: &App,
    ctx: &RequestContext,
    asked: &Asked<'_>,
    own: &mut Option<Own>,
) -> Result<Option<Call>> {
    let Some(found) = by_call_id(app, asked).await? else {
        return Ok(None);
    };
    if found.status != CallStatus::Pending {
        return waiting(found).map(Some);
    }
    let routed = Box::pin(routehandler::route_or_turn_away(app, ctx, found.id)).await;
    match routed {
        // The transaction that made it was faster.
        Err(error) if error.reason() == "CALL_ALREADY_ROUTED" => {
            match by_call_id(app, asked).await? {
                Some(found) => waiting(found).map(Some),
                None => Err(error),
            }
        }
        routed => {
            let call = routed?;
            *own = Some(Own::of(&call, true));
            Ok(Some(call))
        }
    }
}

/// The call that came under this Call-ID.
async fn by_call_id(app: &App, asked: &Asked<'_>) -> Result<Option<Call>> {
    let (db, customer_id, sources) = (&app.store.db, asked.owner.customer_id, &[Source::Sip]);
    let found = calls::by_reference(db, customer_id, sources, asked.call_id).await?;
    match found.into_iter().next() {
        Some(call) if !asked.is_for(&call) => Err(Error::invalid_argument(
            CALL_ID_TAKEN,
            "The Call-ID is that of another call.",
        )),
        found => Ok(found),
    }
}

fn waiting(call: Call) -> Result<Call> {
    match call.status {
        CallStatus::Queued | CallStatus::Ringing => Ok(call),
        // Its caller was turned away, and hears the same again.
        CallStatus::Failed if call.tm_route.is_none() && !call.reason.is_empty() => Err(
            Error::failed_precondition(call.reason, "The call was refused."),
        ),
        _ => Err(invalid_state(&call, "The call is over.")),
    }
}

/// Nobody waits for the call any more: its buyer is told nothing, its hold goes back, and one that was not sold ends. Where
/// that cannot be written for a while, the call's timer gives the hold back, and the other ends with those that nobody buys.
pub(super) async fn give_up(app: App, own: Own) {
    let ctx = RequestContext {
        scope: Scope::tenant(own.customer_id),
        ..RequestContext::internal()
    };
    let report = Report::of(CallStatus::Canceled);
    for pause in GIVE_UP_PAUSES {
        let given_up = if own.is_sold {
            let reported = reporthandler::report(&app, &ctx, own.call_id, &report);
            Box::pin(reported).await.map(drop)
        } else {
            Box::pin(unsold::gone(&app.store, &ctx, own.call_id)).await
        };
        match given_up {
            Ok(()) => return,
            Err(error) if error.status().code() < 500 => {
                debug!(%error, "a call that was cancelled is over");
                return;
            }
            Err(error) => debug!(%error, "a call that was cancelled is not given up yet"),
        }
        tokio::time::sleep(pause).await;
    }
}
