//! SIP: a redirect server. A switch sends an INVITE to a number of a campaign; the call is sold, and the switch is told
//! by 302 where its buyer is. No media, no dialog: what became of the call is reported by `POST /v1/calls/status`.
//!
//! **Life cycle.** Frames of WebSockets come from the bridge ([`socket`]). Of UDP and TCP one job owns the sockets, the transactions and the decisions on their way. Messages are parsed by
//! [`message`], matched by [`transaction`] (RFC 3261, 17.2), allowed by [`access`], and decided by [`deciding`].
//!
//! **Invariants.** An INVITE takes a hold only from an address that is allowed, or with a digest; over UDP beyond this
//! machine only with a digest, as there an address proves nothing. Everything is bounded: messages, transactions,
//! connections, decisions, and new transactions of one address in a second.

mod access;
mod connection;
mod deciding;
mod digest;
pub(crate) mod message;
mod rate;
mod server;
mod socket;
mod transaction;

use bin_common_handler::daemon::{ManagerContext, StartError};

pub(crate) use access::{ALLOWED, CREDENTIALS};
pub(crate) use rate::RATE;
pub(crate) use server::LISTEN;

use crate::app::App;

/// Starts the server, where the settings say so.
///
/// # Errors
/// Names the setting that is wrong, or the address that is taken.
pub(crate) fn start(ctx: &ManagerContext, app: &App) -> Result<(), StartError> {
    socket::start(ctx, app)?;
    match ctx.sockets(&LISTEN)? {
        Some(sockets) => server::start(ctx, app, sockets),
        None => Ok(()),
    }
}
