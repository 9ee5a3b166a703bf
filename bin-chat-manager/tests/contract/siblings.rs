//! Stand-ins of the siblings: one knows numbers and businesses, the other tells of missed calls.

use std::{collections::BTreeMap, sync::Mutex};

use bin_common_handler::{
    context::RequestContext,
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::{EventPayload, Store},
    listenhandler::{Json, Path, Routes, State, Wired},
    migrations,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The tenant of every number.
pub const CUSTOMER: Uuid = Uuid::from_u128(7);
/// Our numbers: one of a business that has people answer for a minute first, whose carrier answers opt-outs …
pub const NUMBER: &str = "+14155550100";
/// … one where the assistant answers at once and opt-outs are answered by us …
pub const AT_ONCE: &str = "+14155550101";
/// … and one whose registration is not approved.
pub const PENDING: &str = "+14155550102";

/// One of a business that is suspended, once it is somebody's.
pub const SUSPENDED: &str = "+14155550103";

/// One of a business that is open at noon only.
pub const AT_NOON: &str = "+14155550105";

/// What the business of [`AT_ONCE`] says in danger, which it also calls "no heat".
pub const SAFETY: &str = "Leave the house, then call 911. Mission Plumbing is told.";

/// Whose the numbers are that change hands in a test, each of which has one of its own.
static MOVED: Mutex<BTreeMap<String, Uuid>> = Mutex::new(BTreeMap::new());

/// A number is this tenant's from now on; nobody's where there is none.
pub fn give(number: &str, to: Option<Uuid>) {
    let mut moved = MOVED.lock().unwrap();
    match to {
        Some(customer_id) => moved.insert(number.to_owned(), customer_id),
        None => moved.remove(number),
    };
}

fn moved(number: &str) -> Option<Uuid> {
    MOVED.lock().unwrap().get(number).copied()
}

/// Stands in for did-manager.
pub const NUMBERS: Manager = Manager {
    name: "did-manager",
    renamed_by: None,
    crate_name: "bin_did_manager",
    migrations: migrations!("fakedid", []),
    settings: &[],
    times: &[],
    routes: || number_routes().infos(),
    start: |ctx| Ok(Wired::new(number_routes(), ctx.store.clone())),
};

/// Stands in for call-manager.
pub const CALLS: Manager = Manager {
    name: "call-manager",
    renamed_by: None,
    crate_name: "bin_call_manager",
    migrations: migrations!("fakecall", []),
    settings: &[],
    times: &[],
    routes: || call_routes().infos(),
    start: start_calls,
};

fn start_calls(ctx: &ManagerContext) -> std::result::Result<Wired, StartError> {
    Ok(Wired::new(call_routes(), ctx.store.clone()))
}

fn number_routes() -> Routes<Store> {
    Routes::default()
        .post_without_effect("/v1/phone_numbers/resolve", resolve)
        .internal()
        .get("/v1/customers/<customer-id>", customer)
        .get("/v1/users/<user-id>", user)
        .post("/v1/decided", decided)
        .internal()
        .post("/v1/suspended", suspended)
        .internal()
}

fn call_routes() -> Routes<Store> {
    Routes::default()
        .post("/v1/missed", missed)
        .internal()
        .post("/v1/erased", erased)
        .internal()
}

async fn resolve(_: State<Store>, Json(wanted): Json<Value>) -> Result<Json<Value>> {
    let number = wanted["number"].as_str().unwrap_or_default();
    let moved = moved(number);
    if ![NUMBER, AT_ONCE, PENDING, AT_NOON].contains(&number) && moved.is_none() {
        let text = "The phone number was not found.";
        return Err(Error::not_found("PHONE_NUMBER_NOT_FOUND", text));
    }
    // Each number is a business of its own.
    let at_once = number == AT_ONCE;
    Ok(Json(json!({
        "phone_number_id": Uuid::from_u128(1),
        "customer_id": moved.unwrap_or_else(|| owner(number)),
        "number": number,
        "forward_target": "",
        "messaging_service_id": "",
        "campaign_status": if number == PENDING { "pending" } else { "approved" },
        "dial_timeout_seconds": 20,
        "business_name": "Mission Plumbing",
        "provider_id": Uuid::from_u128(3),
        "account_id": "AC00000000000000000000000000000001",
        "secret": "the-token-of-the-stand-in",
        "opt_out_replies": if at_once { "tandem" } else { "provider" },
        "suspended": number == SUSPENDED,
        "version": "2026-01-01T00:00:00Z",
    })))
}

/// The registry decided about the number that waits for it.
async fn decided(
    State(store): State<Store>,
    ctx: RequestContext,
    Json(decision): Json<Value>,
) -> Result<Json<Value>> {
    let number = json!({
        "id": Uuid::from_u128(1), "customer_id": owner(PENDING), "number": PENDING,
        "campaign_status": decision["campaign_status"],
        "status": decision["status"].as_str().unwrap_or("active"),
    });
    let payload = EventPayload {
        resource_id: Uuid::from_u128(1),
        customer_id: owner(PENDING),
        version: store.clock.now(),
        data: number.to_string(),
    };
    let mut tx = store.begin(&ctx).await?;
    tx.emit_payload("phone_number_updated", payload).await?;
    tx.commit(()).await?;
    Ok(Json(number))
}

/// A business is suspended, or served again.
async fn suspended(
    State(store): State<Store>,
    ctx: RequestContext,
    Json(customer): Json<Value>,
) -> Result<Json<Value>> {
    let payload = EventPayload {
        resource_id: CUSTOMER,
        customer_id: CUSTOMER,
        version: store.clock.now(),
        data: json!({"id": CUSTOMER, "status": customer["status"]}).to_string(),
    };
    let mut tx = store.begin(&ctx).await?;
    tx.emit_payload("customer_updated", payload).await?;
    tx.commit(()).await?;
    Ok(Json(customer))
}

/// The tenant of a number.
pub fn owner(number: &str) -> Uuid {
    match number {
        AT_ONCE => Uuid::from_u128(8),
        PENDING => Uuid::from_u128(9),
        AT_NOON => Uuid::from_u128(13),
        _ => CUSTOMER,
    }
}

/// Users from 20 on steer those before them, and from 30 on everybody.
async fn user(_: State<Store>, Path(id): Path) -> Result<Json<Value>> {
    let role = match id.as_u128() {
        0..20 => "agent",
        20..30 => "supervisor",
        _ => "admin",
    };
    Ok(Json(json!({"id": id, "role": role})))
}

async fn customer(_: State<Store>, Path(id): Path) -> Result<Json<Value>> {
    let mut customer = json!({
        "id": id, "trade": "plumbing", "timezone": "America/New_York",
        "ai_takeover_delay_seconds": 60,
    });
    if id == owner(AT_ONCE) {
        customer["ai_takeover_delay_seconds"] = json!(0);
        customer["emergency"] = json!({"words": ["no heat"], "message": SAFETY});
    }
    if id == owner(AT_NOON) {
        customer["hours"] = json!("12:00-13:00");
    }
    Ok(Json(customer))
}

async fn erased(
    State(store): State<Store>,
    ctx: RequestContext,
    Json(told): Json<Value>,
) -> Result<Json<Value>> {
    let kind = match told["email"].as_str() {
        Some(_) => "subject_email_erased",
        None => "subject_erased",
    };
    tell(&store, &ctx, (kind, "id"), &told).await?;
    Ok(Json(told))
}

async fn missed(
    State(store): State<Store>,
    ctx: RequestContext,
    Json(call): Json<Value>,
) -> Result<Json<Value>> {
    tell(&store, &ctx, ("call_missed", "call_id"), &call).await?;
    Ok(Json(call))
}

async fn tell(
    store: &Store,
    ctx: &RequestContext,
    (kind, of): (&str, &str),
    told: &Value,
) -> Result<()> {
    let id = |name: &str| -> Uuid { told[name].as_str().unwrap().parse().unwrap() };
    let version: Timestamp = store.clock.now();
    let payload = EventPayload {
        resource_id: id(of),
        customer_id: id("customer_id"),
        version,
        data: told.to_string(),
    };
    let mut tx = store.begin(ctx).await?;
    tx.emit_payload(kind, payload).await?;
    tx.commit(()).await
}
