//! The rules of templates: a name is there once, and every customer has those that ship.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::error::Result,
    resource::ResourceHooks,
};
use uuid::Uuid;

use crate::{app::App, models::template::Template};

impl ResourceHooks<Template> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.owner(named.unwrap_or_default())
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&Template>,
        after: &mut Template,
    ) -> Result<()> {
        if before.is_none() {
            let customer_id = after.customer_id;
            self.rooms.templates.take(tx, customer_id, 1).await?;
        }
        Ok(())
    }
}
