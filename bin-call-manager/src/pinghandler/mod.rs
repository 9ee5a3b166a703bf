//! Real-time bidding: a seller pings, bidders answer, the seller accepts, and the winner is told (post).
//!
//! No bidder is ever asked while a transaction is open. A ping is one transaction that reads, the questions, and one
//! that writes. Accepting is one that makes the call and takes the hold, the post, and one that notes its outcome. Whoever
//! dies in between leaves a durable timer, and a job that tells the bidder goes on. The bidder knows a repeated post by
//! its `idempotency-key`.

mod accepting;
mod answer;
mod arriving;
mod asking;
mod pinging;
mod telling;

#[cfg(any(test, feature = "test-support"))]
pub(crate) use answer::hostile;

pub(crate) use accepting::{Acceptance, accept};
pub(crate) use arriving::{arrive, has_come};
pub(crate) use pinging::{PingCreate, ping};

use bin_common_handler::{
    context::RequestContext,
    daemon::{ManagerContext, StartError},
    models::error::{Error, Result},
};
use uuid::Uuid;

use crate::{
    app::App,
    models::ping::{Ping, PingReply},
    routehandler::timers,
    viewer::Viewer,
};

/// Names the timers' handlers, and starts the job that tells bidders.
///
/// # Errors
/// When its figures cannot be registered.
pub(crate) fn start(ctx: &ManagerContext, app: &App) -> std::result::Result<(), StartError> {
    ctx.timers.on(timers::ARRIVAL, arriving::never_came);
    telling::start(ctx, app);
    Ok(())
}

/// The answer for what is not there, or not the caller's.
fn not_found() -> Error {
    Error::not_found("PING_NOT_FOUND", "The ping was not found.")
}

/// A ping that the caller may see: a seller its own, a buyer none.
async fn find(app: &App, ctx: &RequestContext, viewer: Viewer, id: Uuid) -> Result<Ping> {
    let found = app.store.get::<Ping>(id).await?;
    found
        .filter(|ping| {
            ctx.scope.allows(ping.customer_id) && viewer.sees(None, Some(ping.seller_id))
        })
        .ok_or_else(not_found)
}

/// A ping as the caller may see it.
///
/// # Errors
/// 404, 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<PingReply> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    let ping = find(app, ctx, viewer, id).await?;
    Ok(ping.reply(false, viewer == Viewer::Operator))
}

/// For a transaction of our own in the middle of a request: its reply is not this one's.
fn apart(ctx: &RequestContext) -> RequestContext {
    RequestContext {
        operation: None,
        ..ctx.clone()
    }
}
