//! The rules of widgets and canned responses.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::{error::Result, text::hex},
    quota::Quota,
    resource::ResourceHooks,
};
use uuid::Uuid;

use crate::{
    app::App,
    models::{cannedresponse::CannedResponse, widget::Widget},
    queuehandler,
};

impl ResourceHooks<Widget> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    fn quota(&self) -> Option<&Quota> {
        Some(&self.rooms.widgets)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&Widget>,
        after: &mut Widget,
    ) -> Result<()> {
        let customer_id = after.customer_id;
        if before.is_none() {
            // Not to be guessed, and no number that tells how many there are.
            let bits: [u8; 16] = rand::random();
            after.public_id = format!("wgt_{}", hex(&bits));
        }
        if after.tm_delete.is_some() {
            return Ok(());
        }
        let named = before.and_then(|before| before.queue_id);
        queuehandler::ensure_named(tx, customer_id, (named, after.queue_id)).await
    }
}

impl ResourceHooks<CannedResponse> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    fn quota(&self) -> Option<&Quota> {
        Some(&self.rooms.canned_responses)
    }

    async fn before_write(
        &self,
        _: &mut ChangeTx<'_>,
        _: &RequestContext,
        _: Option<&CannedResponse>,
        after: &mut CannedResponse,
    ) -> Result<()> {
        let is_live = after.tm_delete.is_none();
        after.live_shortcut = is_live.then(|| after.shortcut.clone());
        Ok(())
    }
}
