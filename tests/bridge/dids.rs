//! A manager that knows access keys, and has a route for each word about HTTP.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Identity, Json, Query, Routes, State},
    models::error::{Error, Result, Status},
    table::{Field, Schema},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// The columns of its files.
static COLUMNS: Schema = Schema {
    fields: &[Field::number("number", &["cid"]), Field::of("name", &[])],
};

/// Its name.
pub const NAME: &str = "did-manager";

/// What it remembers.
#[derive(Clone)]
pub struct Dids {
    /// Verdicts by the hash of their key.
    verdicts: Arc<Mutex<HashMap<String, Value>>>,
    /// Questions about keys so far.
    pub asked: Arc<AtomicUsize>,
    /// A question is answered, by what was known when it came, as soon as there is a permit.
    pub gate: Arc<Semaphore>,
    /// The operation of each report that was worked on.
    pub reports: Arc<Mutex<Vec<[u8; 32]>>>,
    /// The numbers that were added.
    pub numbers: Arc<Mutex<BTreeSet<String>>>,
    /// Rows of each batch, and the query that came with it.
    pub batches: Arc<Mutex<Vec<(usize, Value)>>>,
}

impl Default for Dids {
    fn default() -> Self {
        Self {
            verdicts: Arc::default(),
            asked: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            reports: Arc::default(),
            numbers: Arc::default(),
            batches: Arc::default(),
        }
    }
}

/// The tenant of every key here.
pub const CUSTOMER: Uuid = Uuid::from_u128(0xc);

/// A well-formed key.
pub fn key(number: u64) -> String {
    format!("did_{number:064x}")
}

fn hash(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Dids {
    /// From now on the key opens what `scopes` say; `more` is added to its verdict.
    pub fn allow(&self, key: &str, scopes: &[&str], more: Value) {
        let mut verdict = json!({
            "id": Uuid::from_u128(0xa),
            "customer_id": CUSTOMER,
            "scopes": scopes,
            "tm_expire": null,
        });
        if let Value::Object(more) = more {
            verdict.as_object_mut().unwrap().extend(more);
        }
        self.verdicts.lock().unwrap().insert(hash(key), verdict);
    }

    /// From now on the key opens nothing.
    pub fn revoke(&self, key: &str) {
        self.verdicts.lock().unwrap().remove(&hash(key));
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Its table.
pub fn routes() -> Routes<Dids> {
    Routes::default()
        .post_without_effect("/v1/accesskeys/verify", verify)
        .verifies_keys(Identity {
            key_prefix: "did_",
            topics: &["accesskey", "customer"],
        })
        .internal()
        .get("/v1/dids", tell)
        .post("/v1/dids", tell)
        .get("/v1/dids/secret", tell)
        .operator_only()
        .get_with_effect("/v1/dids/next", next)
        .scope("did:next")
        .key_in_query()
        .flat_errors()
        .text("selected_did")
        .within(Duration::from_millis(900))
        .post("/v1/dids/report", report)
        .deferred()
        .post("/v1/dids/bulk", add)
        .bulk()
        .upload(&COLUMNS)
        .get("/v1/dids/export", export)
        .export("text/csv", "dids.csv")
        .post("/v1/dids/map", map)
        .get("/v1/dids/late", late)
        .within(Duration::from_millis(300))
}

async fn verify(State(dids): State<Dids>, Json(question): Json<Value>) -> Result<Json<Value>> {
    dids.asked.fetch_add(1, Ordering::SeqCst);
    let hash = question["hash"].as_str().unwrap();
    let known = dids.verdicts.lock().unwrap().get(hash).cloned();
    dids.gate.acquire().await.unwrap().forget();
    assert_eq!(question["prefix"].as_str().unwrap().len(), 12);
    known
        .map(Json)
        .ok_or_else(|| Error::unauthenticated("INVALID_API_KEY", "Invalid API key"))
}

/// As [`tell`] with a number; none for the campaign `empty`.
async fn next(ctx: RequestContext, query: Query) -> Result<Json<Value>> {
    match query.0.get("campaign_id").map(String::as_str) {
        Some("empty") => {
            let error = Error::new(
                Status::Unavailable,
                "NO_DID_AVAILABLE",
                "No number may be used now.",
            );
            return Err(error.with_detail(json!({ "reason": "daily_cap" })));
        }
        Some("slow") => tokio::time::sleep(Duration::from_secs(5)).await,
        _ => {}
    }
    let Json(mut told) = tell(ctx, query).await?;
    told["selected_did"] = json!("+14155550123");
    Ok(Json(told))
}

/// Done once for each key, when it is not told to fail.
async fn report(
    State(dids): State<Dids>,
    ctx: RequestContext,
    Json(body): Json<Value>,
) -> Result<Json<Value>> {
    if body == "away" {
        return Err(Error::unavailable("database", "gone"));
    }
    if body == "wrong" {
        return Err(Error::invalid_argument("INVALID_REPORT", "No such call."));
    }
    let operation = ctx.operation.unwrap();
    assert!(operation.key_from_caller, "a message id or a key");
    dids.reports.lock().unwrap().push(operation.key);
    Ok(Json(Value::Null))
}

/// The number of a row is its `cid`, its first cell, or itself; `bad` is none, `away` stands for a database
/// that is gone, `refuse` for a batch that is refused as a whole.
async fn add(
    State(dids): State<Dids>,
    Query(query): Query,
    Json(rows): Json<Vec<Value>>,
) -> Result<Json<Value>> {
    let number = |row: &Value| {
        let named = ["cid", "number"].iter().find_map(|name| row.get(name));
        named.unwrap_or(row).as_str().unwrap_or("bad").to_owned()
    };
    let cells: Vec<_> = rows.iter().map(number).collect();
    if cells.iter().any(|cell| cell == "away") {
        return Err(Error::unavailable("database", "gone"));
    }
    if let Some(index) = cells.iter().position(|cell| cell == "refuse") {
        let error = Error::invalid_argument("INVALID_ROWS", "A row is wrong.");
        return Err(error.with_detail(json!({ "index": index })));
    }
    let told = (rows.len(), json!(query));
    dids.batches.lock().unwrap().push(told);
    let (mut created, mut errors) = (0, Vec::new());
    let mut numbers = dids.numbers.lock().unwrap();
    for (index, cell) in cells.iter().enumerate() {
        if cell == "bad" {
            errors.push(json!({ "index": index, "message": "no number" }));
        } else if numbers.insert(cell.clone()) {
            created += 1;
        }
    }
    let duplicates = cells.len() - created - errors.len();
    Ok(Json(json!({
        "created": created,
        "skipped": 0,
        "duplicates": duplicates,
        "errors": errors,
    })))
}

/// Three pages; the second fails, or all do, when it is said so.
async fn export(Query(query): Query) -> Result<Json<Value>> {
    let token = query.get("page_token").map_or("", String::as_str);
    let fails = query.get("fails").map(String::as_str);
    if fails == Some("always") || (fails == Some("later") && token == "a+b") {
        return Err(Error::unavailable("database", "gone"));
    }
    assert_eq!(query.get("state").map(String::as_str), Some("CA"));
    let (text, next) = match token {
        "" => ("number\r\n", json!("a+b")),
        "a+b" => ("+14155550123\r\n", json!("c")),
        _ => ("+14155550124\r\n", json!("")),
    };
    Ok(Json(json!({ "text": text, "next_page_token": next })))
}

/// Tells what came.
async fn tell(ctx: RequestContext, Query(query): Query) -> Result<Json<Value>> {
    Ok(Json(json!({
        "customer_id": ctx.scope.customer_id(),
        "access_key_id": ctx.access_key_id,
        "client_request_id": ctx.client_request_id,
        "query": query,
    })))
}

/// Wants an object.
async fn map(Json(body): Json<serde_json::Map<String, Value>>) -> Result<Json<Value>> {
    Ok(Json(Value::Object(body)))
}

async fn late(_: Query) -> Result<Json<Value>> {
    tokio::time::sleep(Duration::from_secs(5)).await;
    Ok(Json(json!("too late")))
}
