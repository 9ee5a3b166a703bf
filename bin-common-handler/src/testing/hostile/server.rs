//! A router with two routes that only read, given whatever comes.

use std::sync::LazyLock;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    clock::Clock,
    databasehandler::{Db, Dsn},
    inbox::Inbox,
    listenhandler::{
        self, Intake, List, OptionalJson, Path, Query, Router, RouterContext, Routes, Wired,
    },
    metrics::Metrics,
    models::{
        error::Result,
        page::{Filter, FilterKind, FilterValue, PAGE_SIZE_MAX},
        sock::{BODY_LIMIT, Response},
        text::MESSAGE_MAX,
    },
    sockhandler::{Delivered, Probe, Serve},
};

const FILTERS: &[Filter] = &[
    ("customer_id", FilterKind::Uuid),
    ("name", FilterKind::Text),
    ("deleted", FilterKind::Deleted),
];
/// What an error is made of, beside its sentence.
const FRAME_MAX: usize = 1_000;

struct Server {
    runtime: Runtime,
    router: Router,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let (clock, metrics) = (Clock::default(), Metrics::new().expect("metrics"));
    let figures = metrics.for_manager("hostile").expect("metrics");
    // Routes that only read ask no inbox: nothing opens this.
    let db = Db::new(&Dsn::Sqlite("/nowhere/hostile.db".into()), 1).expect("a pool");
    let routes = Routes::default()
        .get("/v1/things", list)
        .filtered_by(FILTERS)
        .get("/v1/things/<thing-id>", get);
    let context = RouterContext {
        domain: "hostile",
        inbox: Inbox::new(db, "t"),
        clock,
        metrics,
        manager_metrics: figures,
        intake: Intake::default(),
        work: TaskTracker::new(),
    };
    Server {
        runtime: Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime"),
        router: Router::new(Wired::new(routes, ()), context).expect("two routes"),
    }
});

/// A list says what it was asked for.
async fn list(List { page, filters }: List) -> Result<listenhandler::Json<Json>> {
    assert!((1..=PAGE_SIZE_MAX).contains(&page.size));
    for (name, value) in &filters {
        let kind = FILTERS.iter().find(|(known, _)| known == name);
        let fits = matches!(
            (kind.map(|(_, kind)| kind), value),
            (Some(FilterKind::Uuid), FilterValue::Uuid(_))
                | (Some(FilterKind::Text), FilterValue::Text(_))
                | (Some(FilterKind::Deleted), FilterValue::Deleted(_))
        );
        assert!(fits, "{name} is no {value:?}");
    }
    Ok(listenhandler::Json(json!({ "filters": filters.len() })))
}

async fn get(
    Path(id): Path,
    Query(query): Query,
    OptionalJson(body): OptionalJson<Json>,
) -> Result<listenhandler::Json<Json>> {
    let known = json!({"id": id, "parameters": query.len(), "has_body": !body.is_null()});
    Ok(listenhandler::Json(known))
}

struct Nobody;

#[async_trait]
impl Probe for Nobody {
    async fn is_gone(&self, _: &str) -> bool {
        false
    }
}

/// Requests as they come off the queue: each is answered, in bounds, and no handler is harmed.
pub fn request(data: &[u8]) {
    serve(data.to_vec());
}

/// Any text for a URI: what is found was asked for.
pub fn uri(data: &[u8]) {
    let uri = String::from_utf8_lossy(data);
    let reply = get_uri(&uri, &Json::Null);
    let path = uri.split('?').next().unwrap_or_default();
    let id = path
        .strip_prefix("/v1/things/")
        .and_then(|id| id.parse::<Uuid>().ok());
    match reply.status_code {
        200 if path == "/v1/things" => {}
        200 => {
            let told: Json = serde_json::from_str(reply.body()).expect("JSON");
            assert_eq!(told["id"], json!(id.expect("an id")), "{uri}");
        }
        status => assert!(matches!(status, 400 | 404), "{status}: {uri}"),
    }
}

/// Any text for a query: it is read, or refused as such.
pub fn query(data: &[u8]) {
    let query = String::from_utf8_lossy(data);
    let list = get_uri(&format!("/v1/things?{query}"), &Json::Null);
    assert!(matches!(list.status_code, 200 | 400), "{}", list.body());
    let one = get_uri(&format!("/v1/things/{}?{query}", Uuid::nil()), &Json::Null);
    assert_eq!(one.status_code, 200, "{}", one.body());
}

/// Any JSON for filters: what gets through is on the list of those that are known.
pub fn filters(data: &[u8]) {
    let Ok(given) = serde_json::from_slice::<Json>(data) else {
        return;
    };
    let reply = get_uri("/v1/things", &given);
    let known = given.as_object().is_none_or(|given| {
        let is_known = |name: &String| FILTERS.iter().any(|(known, _)| known == name);
        given.keys().all(is_known)
    });
    match reply.status_code {
        200 => assert!(known, "{given}"),
        status => assert_eq!(status, 400, "{given}"),
    }
}

fn get_uri(uri: &str, data: &Json) -> Response {
    let request = json!({"uri": uri, "method": "GET", "publisher": "hostile", "data": data});
    serve(request.to_string().into_bytes())
}

fn serve(body: Vec<u8>) -> Response {
    let size = body.len();
    let delivered = Delivered {
        body,
        ..Delivered::default()
    };
    let server = &*SERVER;
    let reply = server
        .runtime
        .block_on(server.router.serve(delivered, &Nobody));
    let reply = reply.expect("every request is answered");
    assert!(reply.status_code < 500, "{}", reply.body());
    assert!(size <= BODY_LIMIT || reply.status_code == 400, "too large");
    assert!(
        reply.body().len() <= MESSAGE_MAX * 6 + FRAME_MAX,
        "an endless answer"
    );
    reply
}
