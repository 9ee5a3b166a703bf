//! The rules of business relationships: an operator's own rows.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::error::Result,
    resource::ResourceHooks,
};
use uuid::Uuid;

use crate::{
    app::App,
    models::businessrelationship::BusinessRelationship,
    viewer::{ensure_operator, owner},
};

impl ResourceHooks<BusinessRelationship> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ensure_operator(ctx)?;
        owner(ctx, named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        ctx: &RequestContext,
        before: Option<&BusinessRelationship>,
        after: &mut BusinessRelationship,
    ) -> Result<()> {
        ensure_operator(ctx)?;
        if before.is_none() {
            self.rooms
                .relationships
                .take(tx, after.customer_id, 1)
                .await?;
        }
        Ok(())
    }
}
