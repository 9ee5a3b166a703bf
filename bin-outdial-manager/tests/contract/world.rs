//! An installation with its replicas and a caller, and the sentences that most tests begin with.

use bin_common_handler::{
    databasehandler::Value,
    models::{
        sock::{
            Method::{self, Get, Post, Put},
            Request,
        },
        time::Timestamp,
    },
    testing::{Client, Installation, Kind, Replica},
};
use bin_outdial_manager::MANAGER;
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// The longest that may be set, so that no lease ends before a test has looked.
pub const LONG_LEASES: &[(&str, &str)] = &[("OUTDIAL_LEASE", "4999ms")];

/// A manager that runs, and someone who calls it.
pub struct World {
    pub installation: Installation,
    pub replicas: Vec<Replica>,
    pub client: Client,
}

impl World {
    pub async fn new(kind: Kind) -> Self {
        Self::with(kind, &[]).await
    }

    pub async fn with(kind: Kind, settings: &[(&'static str, &str)]) -> Self {
        let mut installation = Installation::new(kind, MANAGER, settings).await;
        let replicas = vec![installation.start().await];
        let client = installation.client();
        Self {
            installation,
            replicas,
            client,
        }
    }

    /// Two replicas where there can be two: the embedded default is one process.
    pub async fn replicated(kind: Kind, settings: &[(&'static str, &str)]) -> Self {
        let mut world = Self::with(kind, settings).await;
        if kind == Kind::Full {
            let second = world.installation.start().await;
            world.replicas.push(second);
        }
        world
    }

    pub async fn end(self) {
        for replica in self.replicas {
            replica.stop().await.unwrap();
        }
        self.installation.remove().await;
    }

    /// Writes what no request can write.
    pub async fn sql(&self, sql: &str, values: Vec<Value>) -> u64 {
        self.installation.db().execute(sql, values).await.unwrap()
    }

    pub async fn outdial(&self) -> Outdial<'_> {
        let made = self.client.ok(Post, "/v1/outdials", Some(json!({}))).await;
        Outdial {
            client: &self.client,
            uri: format!("/v1/outdials/{}", text(&made, "id")),
        }
    }

    /// A call that must be refused: 4xx or 5xx, with a typed error. Its status and reason.
    pub async fn refused(&self, method: Method, uri: &str, body: Option<Json>) -> (u16, String) {
        refused(&self.client, method, uri, body).await
    }
}

/// As [`World::refused`], by a client of one's own.
pub async fn refused(
    client: &Client,
    method: Method,
    uri: &str,
    body: Option<Json>,
) -> (u16, String) {
    let mut request = Request::new(method, uri, "test");
    if let Some(body) = &body {
        request = request.json(body).unwrap();
    }
    request.customer_id = client.customer_id;
    let response = client.send(&request).await.unwrap();
    let error: Json = serde_json::from_str(response.body()).unwrap();
    let asked = format!("{method} {uri} {body:?}: {error}");
    assert!(response.status_code >= 400, "{asked}");
    assert_eq!(response.data_type, "voipbin_error", "{asked}");
    assert_eq!(error["domain"], client.name, "{asked}");
    assert!(!text(&error, "status").is_empty() && !text(&error, "message").is_empty());
    (response.status_code, text(&error, "reason").to_owned())
}

/// An outdial and its caller.
pub struct Outdial<'w> {
    pub client: &'w Client,
    pub uri: String,
}

impl Outdial<'_> {
    pub fn id(&self) -> Uuid {
        id_of(&self.uri)
    }

    /// A target with one phone number.
    pub async fn target(&self) -> Json {
        self.target_with(json!({"destination_0": tel(0)})).await
    }

    pub async fn target_with(&self, body: Json) -> Json {
        self.client
            .ok(Post, &format!("{}/targets", self.uri), Some(body))
            .await
    }

    /// As many targets, in one go.
    pub async fn fill(&self, count: usize) {
        for rows in (0..count).collect::<Vec<_>>().chunks(1_000) {
            let rows: Vec<_> = rows
                .iter()
                .map(|n| json!({"name": n.to_string(), "destination_0": tel(*n)}))
                .collect();
            self.client
                .ok(
                    Post,
                    &format!("{}/targets/bulk", self.uri),
                    Some(json!(rows)),
                )
                .await;
        }
    }

    /// What is handed out for a query such as `try_count_0=1&limit=1`.
    pub async fn available(&self, query: &str) -> Vec<Json> {
        let uri = format!("{}/available?{query}", self.uri);
        list(self.client.ok(Get, &uri, None).await)
    }
}

pub async fn progress(client: &Client, target: &Json, index: u32) -> (u16, Json) {
    let uri = format!("{}/progressing", target_uri(target));
    client
        .call(Post, &uri, Some(json!({"destination_index": index})))
        .await
}

pub async fn put_status(client: &Client, target: &Json, status: &str) -> (u16, Json) {
    let uri = format!("{}/status", target_uri(target));
    client
        .call(Put, &uri, Some(json!({"status": status})))
        .await
}

pub async fn get_target(client: &Client, target: &Json) -> Json {
    client.ok(Get, &target_uri(target), None).await
}

pub fn target_uri(target: &Json) -> String {
    format!("/v1/outdialtargets/{}", text(target, "id"))
}

/// When a row was changed last, or made.
pub fn version(row: &Json) -> Timestamp {
    let changed = text(row, "tm_update").parse();
    changed.unwrap_or_else(|_| text(row, "tm_create").parse().unwrap())
}

pub fn tel(n: usize) -> Json {
    json!({"type": "tel", "target": format!("+1415555{n:04}")})
}

pub fn id_of(text: &str) -> Uuid {
    text.rsplit('/').next().unwrap().parse().unwrap()
}

pub fn text<'j>(value: &'j Json, key: &str) -> &'j str {
    value[key].as_str().unwrap_or_default()
}

pub fn list(value: Json) -> Vec<Json> {
    serde_json::from_value(value).unwrap()
}

pub fn id(row: &Json) -> String {
    text(row, "id").to_owned()
}

/// The ids of some rows, in order.
pub fn ids(rows: &[Json]) -> Vec<String> {
    rows.iter().map(|row| text(row, "id").to_owned()).collect()
}

/// Whether this is a time as the wire has it: UTC, no zero at the end of its fraction.
pub fn is_wire_time(value: &Json) -> bool {
    let text = value.as_str().unwrap_or_default();
    let parsed = text.parse::<bin_common_handler::models::time::Timestamp>();
    parsed.is_ok_and(|time| time.to_string() == text)
        && text.ends_with('Z')
        && !text.contains(".0Z")
        && !(text.contains('.') && text.ends_with("0Z"))
}
