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
    dbhandler::law::RULES_MAX,
    models::compliancerule::ComplianceRule,
    viewer::{ensure_operator, owner},
};

#[derive(sqlx::FromRow)]
struct Count {
    n: i64,
}

impl ResourceHooks<ComplianceRule> for App {
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
        before: Option<&ComplianceRule>,
        after: &mut ComplianceRule,
    ) -> Result<()> {
        ensure_operator(ctx)?;
        if before.is_some() {
            return Ok(());
        }
        let sql = "SELECT COUNT(*) AS n FROM exchange_compliance_rules \
            WHERE customer_id = ? AND tm_delete IS NULL";
        let count: Option<Count> = tx
            .sql()
            .fetch_optional(sql, vec![after.customer_id.into()])
            .await?;
        let is_full =
            count.is_some_and(|count| usize::try_from(count.n).is_ok_and(|n| n >= RULES_MAX));
        if is_full {
            return Err(Error::failed_precondition(
                "QUOTA_EXCEEDED",
                format!("A customer has at most {RULES_MAX} rules of its own."),
            ));
        }
        Ok(())
    }
}
