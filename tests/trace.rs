//! One request is one trace, from the bridge through a manager to its sibling, as a collector sees it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too, which the lint does not see"
)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use bin_common_handler::{
    ids,
    models::sock::Method::Post,
    testing::{BRIDGE_KEY, Kind, Whole, spawn, until},
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

const OWNER: Uuid = Uuid::from_u128(7);
/// What the caller says, as the specification writes it.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLERS_SPAN: &str = "00f067aa0ba902b7";

/// A span as it came over the wire.
#[derive(Debug, Clone)]
struct Span {
    id: String,
    parent: String,
    name: String,
    service: String,
}

/// A collector that keeps the spans of [`TRACE_ID`].
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// Where it listens.
    async fn open(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .route("/v1/traces", post(take))
            .with_state(self.clone());
        spawn(async move { axum::serve(listener, app).await.unwrap() });
        format!("http://{address}")
    }

    /// The spans by service and name, once a span of every service is there.
    async fn of(&self, services: &[&str]) -> Vec<Span> {
        until("the spans of every service", async || {
            let spans = self.0.lock().unwrap().clone();
            let has = |service: &&str| spans.iter().any(|span| span.service == **service);
            services.iter().all(has).then_some(spans)
        })
        .await
    }
}

async fn take(State(collector): State<Collector>, body: Bytes) -> &'static str {
    let told: Value = serde_json::from_slice(&body).unwrap();
    for resource in told["resourceSpans"].as_array().unwrap() {
        assert_eq!(
            resource["resource"]["attributes"][0]["value"]["stringValue"],
            "tandem"
        );
        for scope in resource["scopeSpans"].as_array().unwrap() {
            let service = scope["scope"]["name"].as_str().unwrap();
            let spans = scope["spans"].as_array().unwrap();
            let ours = spans.iter().filter(|span| span["traceId"] == TRACE_ID);
            let read = ours.map(|span| Span {
                id: span["spanId"].as_str().unwrap().to_owned(),
                parent: span["parentSpanId"].as_str().unwrap_or_default().to_owned(),
                name: span["name"].as_str().unwrap().to_owned(),
                service: service.to_owned(),
            });
            collector.0.lock().unwrap().extend(read);
        }
    }
    "{}"
}

/// One GET through the bridge, as part of the caller's trace; its status.
async fn get(whole: &Whole, uri: &str) -> u16 {
    let mut stream = TcpStream::connect(whole.bridge).await.unwrap();
    let request = format!(
        "GET /api{uri} HTTP/1.1\r\nHost: x\r\nx-api-key: {BRIDGE_KEY}\r\n\
         traceparent: 00-{TRACE_ID}-{CALLERS_SPAN}-01\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// One test for both kinds in turn: a process has one exporter.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn bridge_manager_and_sibling_are_one_trace() {
    for kind in [Kind::Embedded, Kind::Full] {
        let collector = Collector::default();
        let endpoint = collector.open().await;
        let exchange: &'static str = format!("call-{}", ids::next().simple()).leak();
        let managers = [bin_outdial_manager::MANAGER, bin_call_manager::MANAGER];
        let settings = [
            ("COMPLIANCE", "true"),
            ("CALL_MANAGER_NAME", exchange),
            ("OTLP_ENDPOINT", &*endpoint),
        ];
        let whole = Whole::start(kind, &managers, tandem::bridge::sidecar, &settings).await;
        let outdial_manager = whole.managers[0].name;
        let client = whole.client(&whole.managers[0]).within(OWNER);
        let made = client
            .ok(Post, "/v1/outdials", Some(json!({"name": "people"})))
            .await;
        let id = made["id"].as_str().unwrap();
        let tel = json!({"destination_0": {"type": "tel", "target": "+14045550123"}});
        client
            .ok(Post, &format!("/v1/outdials/{id}/targets"), Some(tel))
            .await;

        let uri = format!("/v1/outdials/{id}/available?try_count_0=2&limit=2");
        assert_eq!(get(&whole, &uri).await, 200);
        let services = ["http-bridge", outdial_manager, exchange];
        let spans = collector.of(&services).await;
        let by_id: BTreeMap<&str, &Span> =
            spans.iter().map(|span| (span.id.as_str(), span)).collect();
        assert_eq!(by_id.len(), spans.len(), "each span once: {spans:?}");

        // From the sibling up to the caller.
        let served = |span: &&Span| span.service == exchange && span.name.starts_with("POST /v1/");
        let mut at = spans.iter().find(served).unwrap();
        let mut way = vec![(at.service.as_str(), at.name.as_str())];
        while let Some(above) = by_id.get(at.parent.as_str()) {
            at = above;
            way.push((at.service.as_str(), at.name.as_str()));
        }
        let route = "GET /v1/outdials/<outdial-id>/available";
        let ask = format!("POST {exchange}");
        assert_eq!(
            way,
            [
                (exchange, "POST /v1/compliance/checks/bulk"),
                (outdial_manager, &*ask),
                (outdial_manager, route),
                ("http-bridge", route),
            ]
        );
        assert_eq!(at.parent, CALLERS_SPAN);
        let is_sql = |span: &Span| span.name == "transaction";
        assert!(spans.iter().any(is_sql), "a transaction: {spans:?}");
        whole.end().await;
    }
}
