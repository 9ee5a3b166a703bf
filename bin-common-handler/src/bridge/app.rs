//! One HTTP request from its headers to its answer: who asks, where it goes, what is counted.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request::Parts},
    response::Response,
};
use serde_json::json;
use tokio::{
    sync::Semaphore,
    time::{Duration, Instant},
};
use tower_http::cors::CorsLayer;
use tracing::{debug, warn};

use super::{AccessKey, NAME, Table, answer, bulk, forward, forward::Outbound};
use crate::{
    ids,
    metrics::Metrics,
    models::{
        error::{Error, Result},
        sock,
    },
    requesthandler::Requester,
};

/// Total time of a request: reading it, the manager's work, every batch of a bulk.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// Bulk requests at once: each may hold three batches in memory.
const BULKS_MAX: usize = 16;
/// Correlation for logs, given by the caller or made here; told in every answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over, in bytes.
const REQUEST_ID_MAX: usize = 128;

/// What every request needs.
pub struct Bridge {
    table: Table,
    key: AccessKey,
    requester: Requester,
    metrics: Metrics,
    bulks: Semaphore,
}

impl Bridge {
    /// Forwards what `table` knows through `requester`, for callers that show `key`.
    pub fn new(table: Table, key: AccessKey, requester: Requester, metrics: Metrics) -> Self {
        Self {
            table,
            key,
            requester,
            metrics,
            bulks: Semaphore::new(BULKS_MAX),
        }
    }

    /// The bridge as an HTTP service, with CORS where it is switched on.
    pub fn into_app(self, cors: Option<CorsLayer>) -> Router {
        let app = Router::new().fallback(handle).with_state(Arc::new(self));
        match cors {
            Some(cors) => app.layer(cors),
            None => app,
        }
    }

    async fn answer(
        &self,
        request: Request,
        request_id: &str,
        deadline: Instant,
    ) -> Result<Response> {
        let (head, body) = request.into_parts();
        if is_health(&head) {
            return Ok(answer::json(StatusCode::OK, &json!({ "status": "ok" })));
        }
        let verdict = self.key.check(&head.headers)?;
        let target = self
            .table
            .find(head.method.as_str(), head.uri.path())
            .ok_or_else(|| Error::not_found("ROUTE_NOT_FOUND", "There is no such route."))?;
        let uri = match head.uri.query() {
            Some(query) => format!("{}?{query}", target.path),
            None => target.path.to_owned(),
        };
        let mut envelope = sock::Request::new(target.route.method, uri, NAME);
        request_id.clone_into(&mut envelope.request_id);
        envelope.customer_id = verdict.scope.customer_id();
        envelope.idempotency_key = forward::idempotency_key(&head.headers, target.route.is_bulk)?;
        let outbound = Outbound {
            requester: &self.requester,
            service: target.service,
            envelope,
            deadline,
        };
        if target.route.is_bulk {
            let _one = self.bulks.try_acquire().map_err(|_| {
                Error::resource_exhausted(
                    "TOO_MANY_REQUESTS",
                    "Too many bulk requests are running.",
                )
            })?;
            return bulk::forward(outbound, body).await;
        }
        forward::forward(outbound, body).await
    }

    fn count(&self, status: StatusCode, started: Instant) {
        self.metrics
            .bridge_requests
            .with_label_values(&[status.as_str()])
            .inc();
        self.metrics
            .bridge_seconds
            .observe(started.elapsed().as_secs_f64());
    }
}

async fn handle(State(bridge): State<Arc<Bridge>>, request: Request) -> Response {
    let started = Instant::now();
    let request_id = request_id(request.headers());
    let method = request.method().clone();
    let answered = bridge
        .answer(request, &request_id, started + REQUEST_MAX)
        .await;
    let mut response = answered.unwrap_or_else(|error| {
        if error.is_fault() {
            warn!(%error, request_id, "request not forwarded");
        }
        answer::error(&error)
    });
    bridge.count(response.status(), started);
    // Neither the path nor the query: phone numbers may stand there.
    debug!(
        request_id,
        %method,
        status = response.status().as_u16(),
        duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn is_health(head: &Parts) -> bool {
    head.method == Method::GET
        && matches!(
            head.uri.path(),
            "/health" | "/api/health" | "/api/v1/health"
        )
}

/// The caller's, when it may stand in a log line; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=REQUEST_ID_MAX).contains(&id.len()))
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
        .map_or_else(|| ids::next().to_string(), str::to_owned)
}
