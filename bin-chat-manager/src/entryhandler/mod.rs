//! Entries of queues: how one waits, is offered, and ends. Of conversations nothing is known here.
//!
//! **Order of locks.** Conversation, entry, offer, agents; the dispatcher passes over whatever another holds. An agent's
//! load is counted while the agent's row is held, so capacity holds over any number of replicas.

pub(crate) mod assigning;
pub(crate) mod change;
pub(crate) mod dispatch;
pub(crate) mod ending;
pub(crate) mod offers;
pub(crate) mod sla;
pub(crate) mod timeout;
pub(crate) mod waiting;

use bin_common_handler::{
    daemon::ManagerContext, databasehandler::ChangeTx, models::error::Result,
};
use uuid::Uuid;

use crate::models::queue::Queue;

/// Names the handlers, at start.
pub(crate) fn start(ctx: &ManagerContext) {
    dispatch::start(ctx);
    offers::start(ctx);
    sla::start(ctx);
}

/// A queue's terms; the usual ones for what waits past every queue.
///
/// # Errors
/// 503.
pub(crate) async fn terms(tx: &mut ChangeTx<'_>, queue_id: Option<Uuid>) -> Result<Queue> {
    let found = match queue_id {
        Some(id) => tx.get::<Queue>(id).await?,
        None => None,
    };
    Ok(found.unwrap_or_default())
}
