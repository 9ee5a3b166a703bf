//! The rules of agents: a user is one agent at a time, and what an agent has goes on when they are deleted.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::error::Result,
    resource::ResourceHooks,
};
use uuid::Uuid;

use crate::{app::App, entryhandler::dispatch, models::agent::Agent, queuehandler::lose};

impl ResourceHooks<Agent> for App {
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
        before: Option<&Agent>,
        after: &mut Agent,
    ) -> Result<()> {
        let customer_id = after.customer_id;
        if before.is_none() {
            self.rooms.agents.take(tx, customer_id, 1).await?;
        }
        if after.tm_delete.is_some() {
            after.live_user_id = None;
            return lose::lose_soon(tx, after.id).await;
        }
        after.live_user_id = Some(after.user_id);
        // Another capacity or skill may be what somebody waits for.
        dispatch::wake(tx, customer_id).await
    }
}
