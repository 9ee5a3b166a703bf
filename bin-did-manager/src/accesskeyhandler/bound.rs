//! Keys that are bound to an account of the exchange: made for one that is there, and ended with it, so that what they
//! opened, sockets included, is closed.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        check::wrong,
        error::{Result, Status},
        time::Timestamp,
    },
    sockhandler::ReceivedEvent,
};
use serde::Deserialize;
use uuid::Uuid;

use super::revoke;
use crate::{app::App, dbhandler::accesskeys, models::accesskey::Accesskey};

/// call-manager deleted an account.
pub(crate) const ACCOUNT_DELETED: &str = "call-manager.account.*.deleted";

/// What of the event matters here.
#[derive(Deserialize)]
struct Account {
    id: Uuid,
    customer_id: Uuid,
}

/// Who knows accounts.
const OWNER: &str = "call-manager";

/// What of its answer matters here.
#[derive(Deserialize)]
struct Known {
    customer_id: Uuid,
    tm_delete: Option<Timestamp>,
}

/// The account that a new key is bound to is one of its customer's. While nobody can say so, no such key is made: it would
/// be told from a useless one only by whoever tries it.
///
/// # Errors
/// 400 naming `account_id`; 503 when call-manager is away.
pub(super) async fn ensure_account(app: &App, ctx: &RequestContext, key: &Accesskey) -> Result<()> {
    let Some(id) = key.account_id else {
        return Ok(());
    };
    let uri = format!("/v1/accounts/{id}");
    match app.rpc.get::<Known>(OWNER, &uri, ctx).await {
        Ok(known) if known.customer_id == key.customer_id && known.tm_delete.is_none() => Ok(()),
        Err(error) if error.status() != Status::NotFound => Err(error),
        _ => Err(wrong("account_id", "names no account of this customer")),
    }
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
    let bound = accesskeys::bound_to(tx, account.customer_id, account.id).await?;
    revoke(&app, tx, &ctx, bound).await
}
