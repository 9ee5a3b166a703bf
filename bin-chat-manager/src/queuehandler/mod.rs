//! Queues: conversations that want a human, offers, and who has what.

pub(crate) mod answer;
mod conversation;
pub(crate) mod enter;
pub(crate) mod lose;
mod timeout;
pub(crate) mod view;

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::{ChangeTx, Store},
    models::error::{Error, Result},
    resource::{self, ResourceHooks},
};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::{entries, widgets},
    models::queue::Queue,
};

/// Names the handlers, at start.
pub(crate) fn start(ctx: &ManagerContext) {
    lose::start(ctx);
    timeout::start(ctx);
}

impl ResourceHooks<Queue> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&Queue>,
        after: &mut Queue,
    ) -> Result<()> {
        if before.is_none() {
            let customer_id = after.customer_id;
            self.rooms.queues.take(tx, customer_id, 1).await?;
        }
        if after.tm_delete.is_some() {
            return ensure_unused(tx, after).await;
        }
        let named = before.and_then(|before| before.overflow_queue_id);
        ensure_named(tx, after.customer_id, (named, after.overflow_queue_id)).await
    }
}

/// Nothing is in it, and nothing leads to it. Who names a queue holds its row meanwhile, so nobody does so unseen.
async fn ensure_unused(tx: &mut ChangeTx<'_>, queue: &Queue) -> Result<()> {
    let refused = |said: String| Err(Error::failed_precondition("QUEUE_IN_USE", said));
    if entries::has_live(tx, queue.id).await? {
        return refused("Chats of this queue have not ended; transfer them first.".to_owned());
    }
    match widgets::naming_queue(tx, queue.customer_id, queue.id).await? {
        Some(name) => refused(format!(
            "\"{name}\" leads to this queue; give it another queue first."
        )),
        None => Ok(()),
    }
}

/// A queue that something names anew is live and this customer's, and stays so until the end of the transaction.
///
/// # Errors
/// 404, 503.
pub(crate) async fn ensure_named(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    (before, after): (Option<Uuid>, Option<Uuid>),
) -> Result<()> {
    let Some(id) = after.filter(|_| before != after) else {
        return Ok(());
    };
    let found = tx.lock::<Queue>(id).await?;
    found
        .filter(|queue| queue.customer_id == customer_id && queue.tm_delete.is_none())
        .map(drop)
        .ok_or_else(resource::not_found::<Queue>)
}

/// A live queue of this customer.
///
/// # Errors
/// 404, 503.
async fn find(tx: &mut ChangeTx<'_>, customer_id: Uuid, id: Uuid) -> Result<Queue> {
    let found = tx.get::<Queue>(id).await?;
    found
        .filter(|queue| queue.customer_id == customer_id && queue.tm_delete.is_none())
        .ok_or_else(resource::not_found::<Queue>)
}
