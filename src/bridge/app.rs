//! One HTTP request from its headers to its answer: who asks, where it goes, what is counted.

mod refuse;
mod serve;

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use tokio::time::Instant;
use tower_http::cors::CorsLayer;
use tracing::{debug, warn};

use self::refuse::health;
use super::{
    AccessKey, Limits, NAME, Table,
    form::Form,
    incoming::{Incoming, is_health},
    keys::{KeyVerifier, Keys, VisitorVerifier},
    openapi,
    openapi::Document,
    raw::PublicUrl,
    request_id,
    request_id::RequestId,
    sockets::{Carried, Hub, Managers, Origins, Sockets},
};
use crate::pages::Pages;
use bin_common_handler::{
    clock::Clock,
    listenhandler::RouteInfo,
    metrics::Metrics,
    models::error::Error,
    requesthandler::Requester,
    sockhandler::{Live, Receive, Subscription},
    trace::Span,
};

/// What every request needs.
pub struct Bridge {
    table: Table,
    keys: Arc<Keys>,
    sockets: Sockets,
    pages: Pages,
    requester: Requester,
    metrics: Metrics,
    limits: Arc<Limits>,
    public_url: PublicUrl,
    /// Made when it is asked for.
    document: OnceLock<Document>,
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
            .map(|verifier| Arc::new(KeyVerifier::new(verifier, requester.clone())));
        let visitors = table
            .visitors()
            .map(|route| VisitorVerifier::new(route, requester.clone()));
        metrics.start_bridge();
        let limits = Arc::new(limits);
        let managers = Managers::new(requester.clone(), Arc::clone(&limits), table.live());
        Self {
            sockets: Sockets::new(Hub::new(&table), Arc::new(managers), Origins::default()),
            pages: Pages::default(),
            table,
            keys: Arc::new(Keys::new(operator, verdicts, clock).with_visitors(visitors)),
            requester,
            metrics,
            limits,
            public_url: PublicUrl::default(),
            document: OnceLock::new(),
        }
    }

    /// As it is, with pages of other hosts that may open a socket.
    #[must_use]
    pub fn with_origins(self, origins: Origins) -> Self {
        let sockets = self.sockets.clone().with_origins(origins);
        Self { sockets, ..self }
    }

    /// As it is, reached by its callers at another address than it sees.
    #[must_use]
    pub fn with_public_url(self, public_url: PublicUrl) -> Self {
        Self { public_url, ..self }
    }

    /// The sockets, for who has to close them.
    pub fn sockets(&self) -> Sockets {
        self.sockets.clone()
    }

    /// The events that the bridge has to hear, and who hears them.
    pub fn listeners(&self) -> Vec<(Subscription, Arc<dyn Receive>)> {
        let mut listeners: Vec<(Subscription, Arc<dyn Receive>)> = Vec::new();
        if let Some(verdicts) = self.keys.verdicts() {
            listeners.push((verdicts.subscription(), verdicts));
        }
        for (subscription, _) in &listeners {
            self.metrics.start_subscriber(&subscription.name);
        }
        listeners
    }

    /// The events that sockets follow, and who hears them.
    pub fn live(&self) -> (Live, Arc<dyn Receive>) {
        let hub = self.sockets.hub();
        let live = hub.live();
        self.metrics.start_subscriber(&live.name);
        (live, Arc::clone(hub) as _)
    }

    /// The bridge as an HTTP service, with CORS where it is switched on.
    pub fn into_app(self, cors: Option<CorsLayer>) -> Router {
        let bridge = Arc::new(self);
        let app = Router::new()
            .fallback(handle)
            .with_state(Arc::clone(&bridge));
        let Some(cors) = cors else {
            return app;
        };
        // CORS takes every OPTIONS for a browser's question; others want to know the methods.
        app.layer(cors).layer(from_fn_with_state(
            bridge,
            |state, request: Request, next: Next| async move {
                if request.method() == Method::OPTIONS && !asks_for_a_browser(request.headers()) {
                    handle(state, request).await
                } else {
                    next.run(request).await
                }
            },
        ))
    }

    async fn answer(&self, request: Request, id: &RequestId, started: Instant) -> Response {
        let at = self.sockets.place(request.uri().path());
        if let Some(at) = at.filter(|_| request.method() == Method::GET) {
            // Boxed, as it is large and seldom.
            let upgraded = Box::pin(self.sockets.upgrade(request, &self.keys, at)).await;
            return upgraded.unwrap_or_else(|error| refusal(Form::default(), &error, id));
        }
        if request.method() == Method::GET
            && let Some(carried) = self.carried(request.uri().path())
        {
            let upgraded = Box::pin(self.sockets.carry(request, carried)).await;
            return upgraded.unwrap_or_else(|error| refusal(Form::default(), &error, id));
        }
        let (head, body) = request.into_parts();
        match self.table.find(head.method.as_str(), head.uri.path()) {
            Some(target) => {
                let has_forms = target.route.edge.text_field.is_some();
                let incoming = Incoming::read(target, &head, id, started);
                let form = incoming.form;
                let answered = self.serve(incoming, body).await;
                let mut response = answered.unwrap_or_else(|error| refusal(form, &error, id));
                if has_forms {
                    let accept = HeaderValue::from_static("accept");
                    response.headers_mut().append(header::VARY, accept);
                }
                response
            }
            None if is_health(&head) => health(&head),
            None if openapi::is_asked(&head) => self.document().answer(&head.headers),
            None if matches!(head.method, Method::GET | Method::HEAD) => {
                match self.pages.answer(head.uri.path(), &head.headers) {
                    Some(page) => page,
                    None => Box::pin(self.refuse(&head, id, started)).await,
                }
            }
            None => Box::pin(self.refuse(&head, id, started)).await,
        }
    }

    /// What becomes of a socket of another protocol that connects here.
    fn carried(&self, path: &str) -> Option<Carried> {
        let (service, route, carrier) = self.table.carrier(path)?;
        Some(Carried {
            service,
            uri: route.template,
            protocol: carrier.protocol,
            requester: self.requester.clone(),
            limits: Arc::clone(&self.limits),
        })
    }

    fn document(&self) -> &Document {
        self.document.get_or_init(|| {
            let routes = self.table.routes();
            let mut tables: Vec<(&str, Vec<RouteInfo>)> = Vec::new();
            for (service, route) in routes {
                match tables.last_mut() {
                    Some((name, routes)) if *name == service => routes.push(route.clone()),
                    _ => tables.push((service, vec![route.clone()])),
                }
            }
            Document::new(&tables)
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
    let method = request.method().clone();
    let mut span = Span::server(request_id::given_trace(request.headers()), NAME, || {
        let target = bridge.table.find(method.as_str(), request.uri().path());
        let template = target.map_or("", |target| target.route.template);
        format!("{method} {template}")
    });
    let id = RequestId::of(request.headers(), span.context());
    let mut response = bridge.answer(request, &id, started).await;
    span.status(response.status().as_u16());
    bridge.count(response.status(), started);
    // Neither the path nor the query: phone numbers and keys may stand there.
    debug!(
        request_id = id.text,
        trace_id = %id.trace.id(),
        %method,
        status = response.status().as_u16(),
        duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    if let Ok(value) = HeaderValue::from_str(&id.text) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

/// Whether OPTIONS comes from a browser that is about to send a page's request.
fn asks_for_a_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn refusal(form: Form, error: &Error, id: &RequestId) -> Response {
    if error.is_fault() {
        warn!(%error, request_id = id.text, trace_id = %id.trace.id(), "request not forwarded");
    }
    form.error(error)
}
