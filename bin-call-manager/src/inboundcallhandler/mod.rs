//! Calls at businesses' numbers: put through, judged by how dialling went, and told once when they were missed.
//!
//! A carrier sends each webhook at least once, and its webhooks in any order. Each is one operation in the inbox, named by
//! the provider, the route, the call and both statuses, because the dial action and the number's status callback both say
//! `completed` and must not hide each other. The verdict is written once; the event leaves with it.

mod webhook;

pub(crate) use webhook::{CallForm, Kind, Twiml, receive};

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::{ChangeTx, EventPayload, ListQuery},
    ids,
    listenhandler::List,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    timerhandler::Timer,
    webhooks::lines::Line,
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::inboundcalls,
    models::inboundcall::{
        ANSWERED, AnsweredCall, Dialled, InboundCall, InboundStatus, MISSED, MissedCall, Verdict,
        reason,
    },
};

/// The timer of a call without a verdict.
const NET: &str = "inbound_call_net";
/// How long a call may last of whose end nobody tells: carriers end one after four hours of talk, and it rang before.
const LASTS_MAX: Duration = Duration::from_secs(4 * 3_600 + 600);
/// How long the dial action may be on its way after the call ended.
const NET_AFTER: Duration = Duration::from_secs(60);

/// Names the handlers, at start.
pub(crate) fn start(ctx: &ManagerContext) {
    ctx.timers.on(NET, never_told);
}

/// A call as a webhook names it.
struct Ring<'r> {
    line: &'r Line,
    call_sid: &'r str,
    from: &'r str,
}

impl Ring<'_> {
    /// The call, which is made where nobody has heard of it.
    async fn take(&self, tx: &mut ChangeTx<'_>) -> Result<InboundCall> {
        if let Some(call) = inboundcalls::lock(tx, self.line.provider_id, self.call_sid).await? {
            // A carrier's ids are its own; an account that moved to another business takes no calls along.
            return if call.customer_id == self.line.customer_id {
                Ok(call)
            } else {
                Err(Error::not_found(
                    "CALL_NOT_FOUND",
                    "The call was not found.",
                ))
            };
        }
        let now = tx.now();
        let id = ids::next();
        let call = InboundCall {
            id,
            customer_id: self.line.customer_id,
            phone_number_id: self.line.phone_number_id,
            provider_id: self.line.provider_id,
            call_sid: self.call_sid.to_owned(),
            from_number: self.from.to_owned(),
            to_number: self.line.number.clone(),
            forward_target: self.line.forward_target.clone(),
            tm_create: now,
            tm_update: now,
            ..InboundCall::default()
        };
        let taken = inboundcalls::insert_or_lock(tx, call).await?;
        // Where another delivery was faster, it has set it, and the call may have ended since.
        if taken.id == id {
            tx.schedule(NET, id, now.plus(LASTS_MAX), &()).await?;
        }
        Ok(taken)
    }
}

/// It rings; where nobody is there to answer, it is missed already.
async fn rang(tx: &mut ChangeTx<'_>, ring: &Ring<'_>) -> Result<InboundCall> {
    let call = ring.take(tx).await?;
    if call.forward_target.is_empty() {
        return decide(tx, call, Verdict::Missed(reason::NOT_FORWARDED), 0).await;
    }
    Ok(call)
}

/// Dialling ended.
async fn dialled(
    tx: &mut ChangeTx<'_>,
    ring: &Ring<'_>,
    told: &Dialled<'_>,
    short_seconds: i32,
) -> Result<InboundCall> {
    let call = ring.take(tx).await?;
    match told.verdict(short_seconds) {
        Some(verdict) => decide(tx, call, verdict, told.duration_seconds).await,
        None => Ok(call),
    }
}

/// The call ended: when nobody tells soon how dialling went, it was missed.
async fn ended(tx: &mut ChangeTx<'_>, ring: &Ring<'_>) -> Result<()> {
    let call = ring.take(tx).await?;
    if call.tm_ended.is_some() {
        return Ok(());
    }
    let is_open = call.status == InboundStatus::Ringing;
    let mut after = call;
    let now = tx.now();
    after.tm_ended = Some(now);
    if is_open {
        tx.schedule(NET, after.id, now.plus(NET_AFTER), &()).await?;
    }
    write(tx, &mut after).await
}

async fn never_told(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    if let Some(call) = tx.lock::<InboundCall>(timer.entity_id).await? {
        decide(tx, call, Verdict::Missed(reason::NO_VERDICT), 0).await?;
    }
    Ok(())
}

/// Writes the verdict, unless there is one: the first one stays.
async fn decide(
    tx: &mut ChangeTx<'_>,
    mut call: InboundCall,
    verdict: Verdict,
    duration_seconds: i32,
) -> Result<InboundCall> {
    if call.status != InboundStatus::Ringing {
        return Ok(call);
    }
    tx.cancel(NET, call.id).await?;
    let tm_ended = *call.tm_ended.get_or_insert(tx.now());
    call.duration_seconds = duration_seconds;
    match verdict {
        Verdict::Answered => call.status = InboundStatus::Answered,
        Verdict::Missed(reason) => {
            call.status = InboundStatus::Missed;
            reason.clone_into(&mut call.reason);
        }
    }
    write(tx, &mut call).await?;
    match call.status {
        InboundStatus::Missed => tell_missed(tx, &call, tm_ended).await?,
        InboundStatus::Answered => tell_answered(tx, &call, tm_ended).await?,
        _ => {}
    }
    Ok(call)
}

async fn write(tx: &mut ChangeTx<'_>, call: &mut InboundCall) -> Result<()> {
    call.tm_update = tx.next_version(call.tm_update);
    tx.update(call).await
}

async fn tell_missed(tx: &mut ChangeTx<'_>, call: &InboundCall, tm_ended: Timestamp) -> Result<()> {
    let missed = MissedCall {
        call_id: call.id,
        customer_id: call.customer_id,
        from: &call.from_number,
        to: &call.to_number,
        reason: &call.reason,
        tm_ended,
    };
    tell(tx, call, MISSED, &missed).await
}

async fn tell_answered(
    tx: &mut ChangeTx<'_>,
    call: &InboundCall,
    tm_ended: Timestamp,
) -> Result<()> {
    let answered = AnsweredCall {
        call_id: call.id,
        customer_id: call.customer_id,
        from: &call.from_number,
        to: &call.to_number,
        duration_seconds: call.duration_seconds,
        tm_ended,
    };
    tell(tx, call, ANSWERED, &answered).await
}

async fn tell(
    tx: &mut ChangeTx<'_>,
    call: &InboundCall,
    kind: &'static str,
    data: &impl Serialize,
) -> Result<()> {
    let payload = EventPayload {
        resource_id: call.id,
        customer_id: call.customer_id,
        version: call.tm_update,
        data: serde_json::to_string(data).map_err(Error::internal)?,
    };
    tx.emit_payload(kind, payload).await
}

/// The caller's calls.
pub(crate) async fn list(
    app: &App,
    ctx: &RequestContext,
    wanted: List,
) -> Result<Vec<InboundCall>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    let rows = app.store.db.list(&query, |row: &InboundCall| row.tm_create);
    rows.await
}

/// One of the caller's calls.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<InboundCall> {
    let found = app.store.get::<InboundCall>(id).await?;
    found
        .filter(|call| ctx.scope.allows(call.customer_id))
        .ok_or_else(|| Error::not_found("INBOUND_CALL_NOT_FOUND", "The call was not found."))
}
