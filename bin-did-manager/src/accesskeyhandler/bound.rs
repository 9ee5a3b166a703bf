//! Keys that are bound to an account of the exchange end with it: what they opened, sockets included, is closed.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Id},
    models::error::Result,
    resource,
    sockhandler::ReceivedEvent,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{app::App, dbhandler::accesskeys, models::accesskey::Accesskey};

/// call-manager deleted an account.
pub(crate) const ACCOUNT_DELETED: &str = "call-manager.account.*.deleted";

/// What of the event matters here.
#[derive(Deserialize)]
struct Account {
    id: Uuid,
    customer_id: Uuid,
}

/// Revokes the keys of an account that is gone.
///
/// # Errors
/// 503.
pub(crate) async fn account_deleted(
    app: App,
    tx: &mut ChangeTx<'_>,
    event: &ReceivedEvent,
) -> Result<()> {
    let account: Account = event.data()?;
    let ctx = RequestContext::internal();
    let bound: Vec<Id> = accesskeys::bound_to(tx, account.customer_id, account.id).await?;
    for Id { id } in bound {
        let Some(key) = tx.lock::<Accesskey>(id).await? else {
            continue;
        };
        if key.tm_delete.is_none() {
            resource::soft_delete(&app, tx, &ctx, &key).await?;
        }
    }
    Ok(())
}
