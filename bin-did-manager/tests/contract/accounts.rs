//! A stand-in of call-manager, which knows accounts.

use bin_common_handler::{
    context::RequestContext,
    daemon::Manager,
    databasehandler::Store,
    listenhandler::{Json, Path, Routes, State, Wired},
    migrations,
    models::error::{Error, Result},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Two accounts of whoever asks …
pub const ACCOUNT: Uuid = Uuid::from_u128(5);
pub const SECOND: Uuid = Uuid::from_u128(6);
/// … one that was deleted, and another customer's, which the operator sees.
pub const DELETED: Uuid = Uuid::from_u128(7);
pub const FOREIGN: Uuid = Uuid::from_u128(8);

/// Stands in for call-manager.
pub const ACCOUNTS: Manager = Manager {
    name: "call-manager",
    renamed_by: None,
    crate_name: "bin_call_manager",
    migrations: migrations!("fakecall", []),
    settings: &[],
    times: &[],
    routes: || routes().infos(),
    start: |ctx| Ok(Wired::new(routes(), ctx.store.clone())),
};

fn routes() -> Routes<Store> {
    Routes::default()
        .get("/v1/accounts/<account-id>", account)
        .internal()
}

async fn account(
    _: State<Store>,
    ctx: RequestContext,
    Path(id): Path<Uuid>,
) -> Result<Json<Value>> {
    let customer_id = match (id, ctx.scope.customer_id()) {
        (ACCOUNT | SECOND | DELETED, Some(own)) => own,
        (FOREIGN, None) => Uuid::from_u128(9),
        _ => return Err(Error::not_found("ACCOUNT_NOT_FOUND", "No such account.")),
    };
    let tm_delete = (id == DELETED).then_some("2026-01-01T00:00:00Z");
    Ok(Json(
        json!({"id": id, "customer_id": customer_id, "tm_delete": tm_delete}),
    ))
}
