//! One HTTP request from its headers to its answer: who asks, where it goes, what is counted.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, request::Parts},
    response::Response,
};
use serde_json::json;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};
use tower_http::cors::CorsLayer;
use tracing::{debug, warn};

use super::{
    AccessKey, Limits, NAME, Table, answer, bulk, export,
    form::Form,
    forward,
    forward::Outbound,
    incoming::{Incoming, is_health},
    keys,
    keys::{Grant, Keys, Verdicts},
    request_id,
    request_id::RequestId,
};
use crate::{
    clock::Clock,
    listenhandler::Edge,
    metrics::Metrics,
    models::{
        error::{Error, Result},
        sock,
    },
    requesthandler::Requester,
    sockhandler::{Receive, Subscription},
};

/// Bulk requests at once: each may hold three batches in memory.
const BULKS_MAX: usize = 16;

/// What every request needs.
pub struct Bridge {
    table: Table,
    keys: Keys,
    requester: Requester,
    metrics: Metrics,
    limits: Limits,
    bulks: Semaphore,
}

impl Bridge {
    /// Forwards what `table` knows through `requester`, for callers that show the operator's key or one that
    /// a manager of the table knows.
    pub fn new(
        table: Table,
        operator: AccessKey,
        requester: Requester,
        limits: Limits,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let verdicts = table
            .verifier()
            .map(|service| Arc::new(Verdicts::new(service, requester.clone())));
        Self {
            table,
            keys: Keys::new(operator, verdicts, clock),
            requester,
            metrics,
            limits,
            bulks: Semaphore::new(BULKS_MAX),
        }
    }

    /// The events that the bridge has to hear, where there are any, and who hears them.
    pub fn listener(&self) -> Option<(Subscription, Arc<dyn Receive>)> {
        let verdicts = self.keys.verdicts()?;
        Some((verdicts.subscription(), verdicts))
    }

    /// The bridge as an HTTP service, with CORS where it is switched on.
    pub fn into_app(self, cors: Option<CorsLayer>) -> Router {
        let app = Router::new().fallback(handle).with_state(Arc::new(self));
        match cors {
            Some(cors) => app.layer(cors),
            None => app,
        }
    }

    async fn answer(&self, request: Request, id: &RequestId, started: Instant) -> Response {
        let (head, body) = request.into_parts();
        match self.table.find(head.method.as_str(), head.uri.path()) {
            Some(target) => {
                let incoming = Incoming::read(target, &head, id, started);
                let form = incoming.form;
                let answered = self.serve(incoming, body).await;
                answered.unwrap_or_else(|error| refusal(form, &error, id))
            }
            None if is_health(&head) => {
                answer::json(StatusCode::OK, &json!({ "status": "ok", "success": true }))
            }
            None => refusal(
                Form::default(),
                &Box::pin(self.refuse(&head, started)).await,
                id,
            ),
        }
    }

    /// Who has no key learns not even which routes there are.
    async fn refuse(&self, head: &Parts, started: Instant) -> Error {
        let deadline = started + Edge::default().within;
        match self.keys.check(keys::shown(&head.headers), deadline).await {
            Ok(_) => Error::not_found("ROUTE_NOT_FOUND", "There is no such route."),
            Err(error) => error,
        }
    }

    async fn serve(&self, incoming: Incoming<'_>, body: Body) -> Result<Response> {
        let grant = self.keys.check(incoming.shown(), incoming.deadline).await?;
        grant.allow(&incoming.target)?;
        if let Grant::Key(key) = &grant {
            self.limits.take(key).await?;
        }
        let headers = &incoming.head.headers;
        let outbound = self.outbound(incoming, &grant)?;
        let edge = outbound.route.edge;
        if outbound.route.is_bulk {
            let _one = self.one_bulk()?;
            // Boxed, as these are large and seldom: else every request would carry room for them.
            Box::pin(bulk::forward(outbound, headers, body)).await
        } else if let Some(file) = edge.export {
            Box::pin(export::forward(outbound, file, body)).await
        } else if edge.is_deferred {
            forward::defer(outbound, body).await
        } else {
            forward::forward(outbound, body).await
        }
    }

    fn one_bulk(&self) -> Result<SemaphorePermit<'_>> {
        self.bulks.try_acquire().map_err(|_| {
            Error::resource_exhausted("TOO_MANY_REQUESTS", "Too many bulk requests are running.")
        })
    }

    fn outbound<'a>(&'a self, incoming: Incoming<'a>, grant: &Grant) -> Result<Outbound<'a>> {
        let route = incoming.target.route;
        let mut envelope = sock::Request::new(route.method, incoming.uri, NAME);
        envelope.request_id.clone_from(&incoming.id.text);
        envelope.client_request_id = incoming.id.given();
        envelope.customer_id = grant.scope().customer_id();
        envelope.access_key_id = grant.access_key_id();
        envelope.idempotency_key = forward::idempotency_key(&incoming.head.headers, route.is_bulk)?;
        Ok(Outbound {
            requester: &self.requester,
            service: incoming.target.service,
            route,
            envelope,
            deadline: incoming.deadline,
            form: incoming.form,
        })
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
    let id = RequestId::of(request.headers());
    let method = request.method().clone();
    let mut response = bridge.answer(request, &id, started).await;
    bridge.count(response.status(), started);
    // Neither the path nor the query: phone numbers and keys may stand there.
    debug!(
        request_id = id.text,
        %method,
        status = response.status().as_u16(),
        duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    if let Ok(value) = HeaderValue::from_str(&id.text) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    response
}

fn refusal(form: Form, error: &Error, id: &RequestId) -> Response {
    if error.is_fault() {
        warn!(%error, request_id = id.text, "request not forwarded");
    }
    form.error(error)
}
