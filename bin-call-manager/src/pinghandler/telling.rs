//! The post: the winner's endpoint is told, outside of any transaction, and may still say no.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext, daemon::ManagerContext, databasehandler::ChangeTx,
    models::error::Result, timerhandler::Timer,
};
use serde::Serialize;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tracing::debug;
use uuid::Uuid;

use super::{
    accepting::{reject, save},
    answer::refusal,
    asking,
};
use crate::{
    app::App,
    models::{
        bid::Bid,
        bidprofile::BidProfile,
        call::Call,
        callstatus::CallStatus,
        ping::{Dropped, Ping, Reject},
    },
    refusing,
    routehandler::{
        ending::{self, Missed},
        timers::{self, TELL, Turn, due},
    },
    turns,
};

/// Calls whose bidder is to be told; what has no room is tried again by its timer.
const WAITING_MAX: usize = 256;
/// Bidders that are told at the same time.
const AT_ONCE: usize = 16;
/// Tries of one post by the job, the first included, and the pause after the first; it doubles.
const TRIES_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_secs(15);

/// What came of telling the bidder that has a call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Told {
    /// It takes the call, or has nothing to be told.
    Taken,
    /// It refused: the next one has the call and is to be told.
    Again,
    /// Nobody has the call any more.
    Over,
}

/// Starts the job.
pub(super) fn start(ctx: &ManagerContext, app: &App) {
    let (due, mut waiting) = mpsc::channel(WAITING_MAX);
    ctx.timers.on_with(TELL, due, hand_over);
    let app = app.clone();
    ctx.tasks.spawn("posts to bidders", |stop| async move {
        let mut some = Vec::with_capacity(AT_ONCE);
        loop {
            let wanted = waiting.recv_many(&mut some, AT_ONCE);
            match stop.run_until_cancelled(wanted).await {
                None | Some(0) => return,
                Some(_) => {}
            }
            let told = some
                .drain(..)
                .map(|call_id| Box::pin(tell_until_taken(&app, call_id)));
            futures_util::future::join_all(told).await;
        }
    });
}

/// Sets the next try, then lets the job do this one.
async fn hand_over(waiting: mpsc::Sender<Uuid>, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let turn: Turn = timer.payload()?;
    let Some(call) = due(tx, &timer).await? else {
        return Ok(());
    };
    if turn.tried < TRIES_MAX {
        let next = tx.now().plus(PAUSE * 2_u32.pow(turn.tried));
        let tried = turn.tried + 1;
        tx.schedule(TELL, call.id, next, &Turn { tried, ..turn })
            .await?;
    }
    // Full: the next try is set already.
    tx.after_commit(move || {
        let _ = waiting.try_send(call.id);
    });
    Ok(())
}

async fn tell_until_taken(app: &App, call_id: Uuid) {
    // As often as there may be buyers at most: each refusal takes one out.
    for _ in 0..20 {
        match tell(app, call_id).await {
            Ok(Told::Again) => {}
            Ok(_) => return,
            // Its timer tries again.
            Err(error) => {
                debug!(%error, %call_id, "a bidder was not told");
                return;
            }
        }
    }
}

/// Tells the bidder that has the call now, and notes what it says.
///
/// # Errors
/// 503.
pub(super) async fn tell(app: &App, call_id: Uuid) -> Result<Told> {
    let Some(call) = app.store.get::<Call>(call_id).await? else {
        return Ok(Told::Over);
    };
    let (Some(bid_id), Some(ping_id)) = (call.bid_id, call.ping_id) else {
        return Ok(Told::Over);
    };
    let Some(ping) = app.store.get::<Ping>(ping_id).await? else {
        return Ok(Told::Over);
    };
    let is_open = matches!(call.status, CallStatus::Queued | CallStatus::Ringing);
    if ping.told_bid_id == Some(bid_id) || !is_open {
        return Ok(Told::Taken);
    }
    let refused = post(app, &call, &ping, bid_id).await?;
    let turn = turns::without(&RequestContext::internal());
    loop {
        // What it answered is kept: it is not told again because a transaction was rolled back.
        match Box::pin(note(app, call_id, ping_id, bid_id, refused.as_ref())).await {
            Err(error) => turn.again(error).await?,
            noted => return noted,
        }
    }
}

/// Why the bidder does not take the call; nothing where it does. One that cannot be reached, or does not answer in time,
/// does not.
async fn post(app: &App, call: &Call, ping: &Ping, bid_id: Uuid) -> Result<Option<Dropped>> {
    let Some(bid) = app.store.get::<Bid>(bid_id).await? else {
        return Ok(None);
    };
    let profile = match bid.profile_id {
        Some(id) => app.store.get::<BidProfile>(id).await?,
        None => None,
    };
    let Some(profile) = profile.filter(|profile| profile.endpoint.0.is_some()) else {
        return Ok(None);
    };
    let body = body(call, ping, &bid);
    let key = bid.id.to_string();
    let answer = asking::send(app, &profile, &body, Duration::from_secs(5), Some(&key)).await;
    let why = match answer {
        Ok(answer) if answer.status.is_success() => refusal(&answer.body),
        Ok(answer) => Some(format!("STATUS_{}", answer.status.as_u16())),
        Err(fault) => Some(fault.as_str().to_ascii_uppercase()),
    };
    let noted = refusing::note(
        &app.store,
        call.customer_id,
        profile.buyer_id,
        why.is_none(),
    );
    if let Err(error) = noted.await {
        // One refusal less is known, which costs no money; what the bidder said counts.
        debug!(%error, %call.id, "a bidder's answer was not noted");
    }
    Ok(why.map(|why| asking::drop_of(&profile, format!("POST_{why}"))))
}

fn body(call: &Call, ping: &Ping, bid: &Bid) -> Json {
    json!({
        "post": true, "ping_id": ping.id, "call_id": call.id, "bid_id": bid.id,
        "call_campaign_id": call.call_campaign_id, "from_number": call.from_number,
        "zip": call.zip, "state": call.state, "tags": call.tags,
        "amount": bid.amount, "price": bid.price, "currency": bid.currency,
    })
}

/// Writes down what the bidder said, unless its turn is over meanwhile.
async fn note(
    app: &App,
    call_id: Uuid,
    ping_id: Uuid,
    bid_id: Uuid,
    refused: Option<&Dropped>,
) -> Result<Told> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let (call, ping) = (
        tx.lock::<Call>(call_id).await?,
        tx.lock::<Ping>(ping_id).await?,
    );
    let (Some(mut call), Some(mut ping)) = (call, ping) else {
        return Ok(Told::Over);
    };
    let is_open = matches!(call.status, CallStatus::Queued | CallStatus::Ringing);
    if call.bid_id != Some(bid_id) || !is_open {
        let told = if call.status.is_final() {
            Told::Over
        } else {
            Told::Again
        };
        return Ok(told);
    }
    let refused = refused.filter(|_| ping.told_bid_id != Some(bid_id));
    let Some(refused) = refused else {
        ping.told_bid_id = Some(bid_id);
        save(&mut tx, &mut ping).await?;
        tx.cancel(TELL, call_id).await?;
        return tx.commit(Told::Taken).await;
    };
    let was = call.status;
    ending::next_buyer(&mut tx, &app.standing, &mut call, Missed::Refused).await?;
    ping.dropped.0.push(refused.clone());
    let told = if call.status.is_final() {
        reject(&mut ping, Reject::FinalCapacity);
        Told::Over
    } else {
        // Whoever told this one goes on; if it dies, the job does.
        timers::tell_bidder(&mut tx, &call, PAUSE).await?;
        Told::Again
    };
    save(&mut tx, &mut ping).await?;
    ending::announce(&mut tx, &mut call, was).await?;
    tx.commit(told).await
}
