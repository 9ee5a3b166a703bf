//! The rules of business relationships: an operator's own rows.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::error::Result,
    quota::Quota,
    resource::ResourceHooks,
};
use uuid::Uuid;

use crate::{
    app::App, models::businessrelationship::BusinessRelationship, viewer::ensure_operator,
};

impl ResourceHooks<BusinessRelationship> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ensure_operator(ctx)?;
        ctx.scope.required_owner(named)
    }

    fn quota(&self) -> Option<&Quota> {
        Some(&self.rooms.relationships)
    }

    async fn before_write(
        &self,
        _: &mut ChangeTx<'_>,
        ctx: &RequestContext,
        _: Option<&BusinessRelationship>,
        _: &mut BusinessRelationship,
    ) -> Result<()> {
        ensure_operator(ctx)
    }
}
