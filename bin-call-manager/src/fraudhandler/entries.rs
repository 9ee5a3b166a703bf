//! The rules of the list of who is blocked or never suspected: the operator's own, and bounded.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::{check::ensure, error::Result},
    quota::Quota,
    resource::{Resource, ResourceHooks},
};
use uuid::Uuid;

use crate::{
    app::App,
    models::{
        account::{Account, AccountType},
        fraudentry::FraudEntry,
    },
    viewer::ensure_operator,
};

impl ResourceHooks<FraudEntry> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ensure_operator(ctx)?;
        ctx.scope.required_owner(named)
    }

    fn quota(&self) -> Option<&Quota> {
        Some(&self.rooms.fraud_entries)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        ctx: &RequestContext,
        before: Option<&FraudEntry>,
        after: &mut FraudEntry,
    ) -> Result<()> {
        ensure_operator(ctx)?;
        if let (Some(id), None) = (after.account_id, after.tm_delete()) {
            let found = tx.get::<Account>(id).await?;
            let account = found
                .filter(|account| account.customer_id == after.customer_id)
                .ok_or_else(bin_common_handler::resource::not_found::<Account>)?;
            // Nothing looks for a buyer's. One that is there already may still be changed and ended.
            let is_there = before.is_some_and(|before| before.account_id == Some(id));
            ensure(
                is_there || account.r#type == AccountType::Seller,
                "account_id",
                "must name a seller",
            )?;
        }
        Ok(())
    }
}
