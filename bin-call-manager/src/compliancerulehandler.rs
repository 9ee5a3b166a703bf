//! A customer's own rules: made and deleted, never changed.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::error::{Error, Result},
    resource::ResourceHooks,
};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::law::{self, RULES_MAX},
    models::compliancerule::ComplianceRule,
    viewer::ensure_operator,
};

impl ResourceHooks<ComplianceRule> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ensure_operator(ctx)?;
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        ctx: &RequestContext,
        before: Option<&ComplianceRule>,
        after: &mut ComplianceRule,
    ) -> Result<()> {
        ensure_operator(ctx)?;
        if before.is_some() {
            return Ok(());
        }
        let count = law::count_rules(tx, after.customer_id).await?;
        if usize::try_from(count).is_ok_and(|count| count >= RULES_MAX) {
            return Err(Error::failed_precondition(
                "QUOTA_EXCEEDED",
                format!("A customer has at most {RULES_MAX} rules of its own."),
            ));
        }
        Ok(())
    }
}
