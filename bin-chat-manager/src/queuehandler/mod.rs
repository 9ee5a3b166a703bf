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

use crate::{app::App, dbhandler::entries, models::queue::Queue};

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
            return ensure_empty(tx, after.id).await;
        }
        match after.overflow_queue_id {
            Some(id) => find(tx, after.customer_id, id).await.map(drop),
            None => Ok(()),
        }
    }
}

async fn ensure_empty(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<()> {
    if entries::has_live(tx, id).await? {
        return Err(Error::failed_precondition(
            "QUEUE_IN_USE",
            "Chats of this queue have not ended; transfer them first.",
        ));
    }
    Ok(())
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
