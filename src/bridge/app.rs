//! One HTTP request from its headers to its answer: who asks, where it goes, what is counted.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use serde_json::json;
use tokio::time::Instant;
use tower_http::cors::CorsLayer;
use tracing::{debug, warn};
use uuid::Uuid;

use super::{
    AccessKey, Limits, NAME, Table, answer, bulk, export,
    form::Form,
    forward,
    forward::Outbound,
    incoming::{Incoming, is_health, is_health_path},
    keys,
    keys::{Grant, KeyVerifier, Keys, VisitorVerifier},
    openapi,
    openapi::Document,
    raw,
    raw::{PublicUrl, RawHead},
    request_id,
    request_id::RequestId,
    rows::BULK_LIMIT,
    sockets::{Carried, Hub, Managers, Origins, Sockets},
    table::Target,
    unpack::unpacked,
};
use crate::pages::Pages;
use bin_common_handler::{
    clock::Clock,
    httpserver::Caller,
    listenhandler::{Access, HttpOptions, RouteInfo, describe::FORM},
    metrics::Metrics,
    models::{
        error::{Error, Result, Status},
        sock::{self, BODY_LIMIT},
    },
    requesthandler::Requester,
    sockhandler::{Live, Receive, Subscription},
    trace::Span,
};

/// What the health of the bridge may be asked with.
const HEALTH_ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// What the bridge as a whole knows.
const ALL_ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS");

/// Whose share of memory the bodies of public routes take.
const STRANGERS: Uuid = Uuid::max();

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

    /// Who has no key learns not even which routes there are, but for those that are for everybody.
    async fn refuse(&self, head: &Parts, id: &RequestId, started: Instant) -> Response {
        if head.method == Method::OPTIONS && head.uri.path() == "*" {
            return answer::options(ALL_ALLOW);
        }
        let targets = self.table.all(head.uri.path());
        let is_public = |target: &Target<'_>| target.route.edge.access == Access::Public;
        if !targets.iter().any(is_public) {
            let deadline = started + HttpOptions::default().within;
            if let Err(error) = self.keys.check(keys::shown(&head.headers), deadline).await {
                return refusal(Form::default(), &error, id);
            }
        }
        let (form, allow) = match targets.first() {
            Some(target) => (Form::of(&target.route.edge, false, false), allow(&targets)),
            None if is_health_path(head.uri.path()) => (Form::default(), HEALTH_ALLOW),
            None if head.uri.path() == openapi::PATH => (Form::default(), openapi::ALLOW),
            None => {
                let error = Error::not_found("ROUTE_NOT_FOUND", "There is no such route.");
                return refusal(Form::default(), &error, id);
            }
        };
        if head.method == Method::OPTIONS {
            answer::options(allow)
        } else {
            answer::not_allowed(form, allow)
        }
    }

    async fn serve(&self, incoming: Incoming<'_>, body: Body) -> Result<Response> {
        let caller = incoming.signer();
        let answered = self.pass_on(incoming, body).await;
        let is_wrong = match &answered {
            Ok(response) => response.status() == StatusCode::FORBIDDEN,
            Err(error) => error.status() == Status::PermissionDenied,
        };
        if let Some(address) = caller.filter(|_| is_wrong) {
            self.limits.forged(address).await;
        }
        answered
    }

    async fn pass_on(&self, incoming: Incoming<'_>, body: Body) -> Result<Response> {
        let grant = self.admit(&incoming).await?;
        let headers = &incoming.head.headers;
        let customer = match &grant {
            Grant::Public => STRANGERS,
            grant => grant.scope().customer_id().unwrap_or_default(),
        };
        let outbound = self.outbound(incoming, &grant)?;
        let edge = outbound.route.edge;
        if outbound.route.is_bulk {
            let _one = self.limits.shares().bulk(customer)?;
            let body = unpacked(headers, body, BULK_LIMIT)?;
            // Boxed, as these are large and seldom: else every request would carry room for them.
            return Box::pin(bulk::forward(outbound, headers, body)).await;
        }
        let body = if outbound.raw.is_some() {
            raw::ensure_plain(headers)?;
            body
        } else {
            unpacked(headers, body, outbound.body_max)?
        };
        let (body, _bytes) = self.limits.shares().metered(customer, body);
        if let Some(file) = edge.export {
            Box::pin(export::forward(outbound, file, body)).await
        } else if edge.is_deferred {
            forward::defer(outbound, body).await
        } else {
            forward::forward(outbound, body).await
        }
    }

    /// Who asks, and whether they may, now.
    async fn admit(&self, incoming: &Incoming<'_>) -> Result<Grant> {
        if incoming.target.route.edge.access == Access::Public {
            if let Some(caller) = incoming.head.extensions.get::<Caller>() {
                if incoming.is_signed() {
                    self.limits.take_webhook(caller.address).await?;
                } else {
                    self.limits.take_address(caller.address).await?;
                }
                if let Some(rate) = incoming.target.route.edge.address_rate {
                    let template = incoming.target.route.template;
                    self.limits
                        .take_route(caller.address, template, rate)
                        .await?;
                }
            }
            if let Some(session) = incoming.visitor() {
                self.limits.take_visitor(session).await?;
            }
            return Ok(Grant::Public);
        }
        let grant = self.keys.check(incoming.shown(), incoming.deadline).await?;
        grant.allow(&incoming.target)?;
        if let Grant::Key(key) = &grant {
            self.limits.take(key).await?;
        }
        Ok(grant)
    }

    fn outbound<'a>(&'a self, incoming: Incoming<'a>, grant: &Grant) -> Result<Outbound<'a>> {
        let route = incoming.target.route;
        let mut envelope = sock::Request::new(route.method, incoming.uri, NAME);
        envelope.request_id.clone_from(&incoming.id.text);
        envelope.trace = Some(incoming.id.trace);
        envelope.customer_id = grant.scope().customer_id();
        envelope.access_key_id = grant.access_key_id();
        envelope.account_id = grant.account_id();
        (envelope.role, envelope.user_id) = grant.person();
        // Only who is confined to an account is judged by them.
        if envelope.account_id.is_some() {
            envelope.scopes = grant.scopes().to_vec();
        }
        let (head, edge) = (incoming.head, route.edge);
        let is_public = *grant == Grant::Public;
        if !is_public {
            // Of strangers one could take another's.
            envelope.client_request_id = incoming.id.given();
            envelope.idempotency_key = forward::idempotency_key(&head.headers, route.is_bulk)?;
        }
        let raw = edge
            .raw
            .map(|chosen| RawHead::read(head, route.method, chosen, &self.public_url));
        Ok(Outbound {
            requester: &self.requester,
            service: incoming.target.service,
            route,
            envelope,
            deadline: incoming.deadline,
            form: incoming.form,
            is_form: edge.is_form && is_form(&head.headers),
            body_max: if !edge.is_large && (is_public || raw.is_some()) {
                raw::BODY_MAX
            } else {
                BODY_LIMIT
            },
            raw,
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

fn health(head: &Parts) -> Response {
    if head.method == Method::OPTIONS {
        return answer::options(HEALTH_ALLOW);
    }
    answer::json(StatusCode::OK, &json!({ "status": "ok", "success": true }))
}

/// The methods of a path.
fn allow(targets: &[Target<'_>]) -> HeaderValue {
    let mut methods = Vec::new();
    for target in targets {
        let route = target.route;
        methods.push(route.method.as_str());
        if route.method == sock::Method::Get && !route.is_effect {
            methods.push("HEAD");
        }
    }
    methods.push("OPTIONS");
    HeaderValue::from_str(&methods.join(", ")).unwrap_or(ALL_ALLOW)
}

/// Whether the body says that it is a form.
fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.and_then(|kind| kind.split(|byte| *byte == b';').next());
    kind.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(FORM.as_bytes()))
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
