//! Customers that may not use the service, as did-manager tells: their visitors are not let in, and they send no texts. The
//! keys of their people the bridge refuses.

use bin_common_handler::{
    daemon::ManagerContext, databasehandler::ChangeTx, models::error::Result,
    sockhandler::ReceivedEvent,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{conversationhandler::campaign, dbhandler::sessions};

/// A customer is another than before.
const CHANGED: &str = "did-manager.customer.*.updated";
/// It may use the service.
const ACTIVE: &str = "active";

/// What is read of it.
#[derive(Debug, Deserialize)]
struct Changed {
    id: Uuid,
    status: String,
}

/// Names the handler, at start.
pub(crate) fn start(ctx: &ManagerContext) {
    ctx.events.on(CHANGED, changed);
}

async fn changed(tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let told: Changed = event.data()?;
    let is_active = told.status == ACTIVE;
    campaign::customer_changed(tx, told.id, is_active).await?;
    sessions::suspend(tx, told.id, !is_active).await
}
