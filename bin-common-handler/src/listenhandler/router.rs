//! From an envelope to its handler and back: late requests dropped, repeated ones answered from the
//! inbox, panics and errors turned into typed replies, all of it counted.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use prometheus::Histogram;
use rand::RngExt;
use tokio::time::Instant;
use tracing::{Instrument, debug, debug_span, warn};
use uuid::Uuid;

use super::{
    Access, Input, RouteInfo, RouterContext, Wired, envelope,
    extract::Answer,
    path::{path_values, placeholders},
    query::parse_query,
    routes::{BadRoutes, RouteMatcher},
    wired::Run,
};
use crate::{
    context::{DeliveryInfo, Operation, RequestContext},
    metrics::as_ms,
    models::{
        error::{Error, Result},
        identity::Scope,
        sock::{Request, Response},
        time::Timestamp,
    },
    sockhandler::{Delivered, Probe, Serve},
};

/// After this the caller is told that the outcome is not known; the work itself is never cut short.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How often work that meets a conflict is tried before the conflict is reported.
const ATTEMPTS_MAX: u32 = 5;
/// Work is not tried again when it has taken longer: callers wait about 3 s.
const RETRY_FOR: Duration = Duration::from_secs(2);
/// The longest pause before it is tried again.
const PAUSE_MAX: Duration = Duration::from_millis(160);

/// The requests of one daemon.
pub struct Router {
    context: RouterContext,
    matcher: RouteMatcher,
    routes: Vec<Served>,
    renamed_by: Option<&'static str>,
}

struct Served {
    info: Arc<RouteInfo>,
    run: Run,
    /// Where in the path, split at `/`, the placeholders stand, and whether each is an id.
    placeholders: Vec<(usize, bool)>,
    receive_ms: Histogram,
}

impl Router {
    /// Serves what a manager wired.
    ///
    /// # Errors
    /// When two routes would take the same requests.
    pub fn new(wired: Wired, context: RouterContext) -> std::result::Result<Self, BadRoutes> {
        let infos: Vec<_> = wired
            .routes
            .iter()
            .map(|route| route.info.clone())
            .collect();
        let matcher = RouteMatcher::new(&infos)?;
        let routes = wired
            .routes
            .into_iter()
            .map(|route| {
                let labels = [route.info.metric_type(), route.info.method.as_str()];
                let histogram = &context.manager_metrics.receive_ms;
                Served {
                    placeholders: placeholders(route.info.template),
                    receive_ms: histogram.with_label_values(&labels),
                    info: Arc::new(route.info),
                    run: route.run,
                }
            })
            .collect();
        Ok(Self {
            context,
            matcher,
            routes,
            renamed_by: None,
        })
    }

    /// Its queue is not shared with a foreign service; the setting gives it another name.
    #[must_use]
    pub(crate) fn renamed_by(mut self, setting: Option<&'static str>) -> Self {
        self.renamed_by = setting;
        self
    }

    fn drop_request(&self, reason: &str) -> Option<Response> {
        self.context
            .metrics
            .dropped
            .with_label_values(&[self.context.domain, reason])
            .inc();
        debug!(reason, "request dropped");
        None
    }

    /// A request that no route takes, or whose envelope cannot be read.
    fn refuse(&self, error: &Error, method: &str, started: Instant) -> Option<Response> {
        let response = error.to_response(self.context.domain);
        self.context
            .manager_metrics
            .receive_ms
            .with_label_values(&["notfound", method])
            .observe(as_ms(started.elapsed()));
        self.observe("notfound", method, response.status_code, started);
        Some(response)
    }

    fn observe(&self, route: &str, method: &str, status: u16, started: Instant) {
        let mut digits = [0; 3];
        self.context
            .metrics
            .request_seconds
            .with_label_values(&[
                self.context.domain,
                route,
                method,
                status_text(status, &mut digits),
            ])
            .observe(started.elapsed().as_secs_f64());
    }

    async fn answer(
        &self,
        served: &Served,
        request: Request,
        delivery_info: &DeliveryInfo,
        deadline: Option<Timestamp>,
    ) -> Response {
        let (started, time_left) = (Instant::now(), self.time_left(deadline));
        if let Err(error) = self.admit(served, &request) {
            return error.to_response(self.context.domain);
        }
        let request_id = request.request_id.clone();
        let operation = match served
            .info
            .is_effect
            .then(|| Operation::of(&request, delivery_info))
            .transpose()
        {
            Ok(operation) => operation,
            Err(error) => return error.to_response(self.context.domain),
        };
        let ctx = RequestContext {
            scope: Scope::from_envelope(request.customer_id),
            request_id: request_id.clone(),
            caller: caller(delivery_info),
            is_service: RequestContext::is_service(&request.publisher),
            access_key_id: request.access_key_id,
            account_id: request.account_id,
            visitor_id: request.visitor_id,
            scopes: request.scopes.clone(),
            client_request_id: request.client_request_id.clone(),
            operation: operation.clone(),
            deadline: Some(started + time_left),
            ..RequestContext::default()
        };
        match self.answer_once(served, request, ctx).await {
            Ok(response) => response,
            Err(error) => Box::pin(self.answer_error(error, operation, &request_id)).await,
        }
    }

    /// What is stored counts: the bodies of effects.
    fn admit(&self, served: &Served, request: &Request) -> Result<()> {
        let bytes = request.data.as_ref().map_or(0, |data| data.get().len());
        if !served.info.is_effect || bytes == 0 {
            return Ok(());
        }
        // What strangers send has one share, as it is nobody's yet.
        let scope = match served.info.edge.access {
            Access::Public => Scope::tenant(Uuid::max()),
            _ => Scope::from_envelope(request.customer_id),
        };
        self.context
            .intake
            .admit(scope, bytes, self.context.clock.now())
    }

    /// How long the caller waits at most.
    fn time_left(&self, deadline: Option<Timestamp>) -> Duration {
        deadline.map_or(ANSWER_MAX, |deadline| {
            let micros = deadline
                .micros()
                .saturating_sub(self.context.clock.now().micros());
            Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(ANSWER_MAX)
        })
    }

    async fn answer_once(
        &self,
        served: &Served,
        request: Request,
        ctx: RequestContext,
    ) -> Result<Response> {
        if let Some(operation) = ctx
            .operation
            .as_ref()
            .filter(|operation| operation.check_inbox_first)
            && let Some(reply) = Box::pin(self.context.inbox.find(operation)).await?
        {
            return Ok(reply);
        }
        let (path, query) = request.uri.split_once('?').unwrap_or((&request.uri, ""));
        let input = Input {
            state: (),
            ctx,
            route: Arc::clone(&served.info),
            path: path_values(path, &served.placeholders).into_iter(),
            query: Arc::new(parse_query(query)),
            data: request.data.map(Arc::from),
        };
        let (started, mut attempt) = (Instant::now(), 1);
        loop {
            match self.run_apart((served.run)(input.clone())).await {
                // Everything was rolled back: it is run again, a moment later. Reads too: some of them write.
                Err(error)
                    if error.is_retriable()
                        && attempt < ATTEMPTS_MAX
                        && started.elapsed() < RETRY_FOR =>
                {
                    debug!(%error, attempt, "running the work again");
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    /// A task of its own: a panic ends only it, and no time limit cuts a transaction in two.
    async fn run_apart(&self, work: Answer) -> Result<Response> {
        let task = self.context.work.spawn(work.in_current_span());
        match tokio::time::timeout(ANSWER_MAX, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(Error::internal(panic)),
            Err(_) => Err(Error::unavailable(
                "database",
                "no answer in time; the outcome is not known",
            )),
        }
    }

    async fn answer_error(
        &self,
        error: Error,
        operation: Option<Operation>,
        request_id: &str,
    ) -> Response {
        if error.is_told_by_health() {
            debug!(%error, request_id, "request failed");
        } else if error.is_fault() {
            warn!(%error, request_id, status = error.status().code(), "request failed");
        }
        let response = error.to_response(self.context.domain);
        match operation {
            Some(operation) if error.is_decided() && error.reason() != "IDEMPOTENCY_KEY_REUSED" => {
                match self
                    .context
                    .inbox
                    .record_refusal(&operation, response.clone())
                    .await
                {
                    Ok(recorded) => recorded,
                    // Perhaps another delivery of it was served meanwhile: then this "no" is wrong.
                    Err(fault) => {
                        warn!(%fault, "refusal not recorded");
                        fault.to_response(self.context.domain)
                    }
                }
            }
            _ => response,
        }
    }
}

#[async_trait]
impl Serve for Router {
    fn renamed_by(&self) -> Option<&'static str> {
        self.renamed_by
    }

    async fn serve(&self, delivered: Delivered, probe: &dyn Probe) -> Option<Response> {
        let started = Instant::now();
        if delivered
            .deadline
            .is_some_and(|deadline| deadline <= self.context.clock.now())
        {
            return self.drop_request("late");
        }
        let request = match envelope::read(&delivered.body, &delivered.encoding) {
            Ok(request) => request,
            Err(error) => return self.refuse(&error, "none", started),
        };
        let method = request.method.as_str();
        let path = request.uri.split('?').next().unwrap_or_default();
        let found = self
            .matcher
            .find(request.method, path)
            .and_then(|position| self.routes.get(position));
        let Some(served) = found else {
            return self.refuse(&envelope::no_route(), method, started);
        };
        let reply_to = &delivered.delivery_info.reply_to;
        if served.info.is_effect
            && delivered.maybe_late
            && !reply_to.is_empty()
            && probe.is_gone(reply_to).await
        {
            return self.drop_request("caller_gone");
        }
        let request_id = request.request_id.clone();
        // Costs nothing where debug lines are off. What callers send stays out of it: no number, no body.
        let span = debug_span!(
            "request",
            request_id,
            customer_id = request.customer_id.map(display),
            route = served.info.template
        );
        let response = self
            .answer(
                served,
                request,
                &delivered.delivery_info,
                delivered.deadline,
            )
            .instrument(span)
            .await;
        served.receive_ms.observe(as_ms(started.elapsed()));
        self.observe(served.info.template, method, response.status_code, started);
        debug!(
            request_id,
            method,
            route = served.info.template,
            status = response.status_code,
            duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "served"
        );
        Some(response)
    }
}

/// Drawn between zero and a growing part of the longest pause.
fn pause(attempt: u32) -> Duration {
    let ceiling = PAUSE_MAX.mul_f64(f64::from(attempt) / f64::from(ATTEMPTS_MAX));
    ceiling.mul_f64(rand::rng().random::<f64>())
}

/// Direct reply-to names its channel after the second dot; every request of that client has it.
fn caller(delivery_info: &DeliveryInfo) -> Option<String> {
    delivery_info
        .reply_to
        .strip_prefix("amq.rabbitmq.reply-to.")
        .map(str::to_owned)
}

/// A status code as text without an allocation.
fn status_text(status: u16, digits: &mut [u8; 3]) -> &str {
    for (digit, unit) in digits.iter_mut().zip([100, 10, 1]) {
        *digit = b'0' + u8::try_from(status / unit % 10).unwrap_or(0);
    }
    std::str::from_utf8(digits).unwrap_or("???")
}

#[cfg(test)]
mod tests {
    use crate::models::sock::{BODY_LIMIT, Method};
    use std::sync::atomic::{AtomicU32, Ordering};

    use rstest::rstest;
    use tokio::sync::Notify;
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::{
        clock::Clock,
        databasehandler::{Db, Dsn, scratch},
        inbox::Inbox,
        listenhandler::{Intake, Json, Query, Routes, State},
        metrics::Metrics,
    };

    struct Nobody;

    #[async_trait]
    impl Probe for Nobody {
        async fn is_gone(&self, _: &str) -> bool {
            false
        }
    }

    async fn make(Json(how): Json<String>) -> Result<Json<String>> {
        assert_ne!(how, "panic", "a handler of this test panics");
        Ok(Json(how))
    }

    fn router(db: &Db) -> Router {
        serving(db, Routes::default().post("/v1/things", make), ())
    }

    fn serving<S: Clone + Send + Sync + 'static>(db: &Db, routes: Routes<S>, state: S) -> Router {
        let metrics = Metrics::new().unwrap();
        let manager_metrics = metrics.for_manager("test-manager").unwrap();
        let context = RouterContext {
            domain: "test-manager",
            inbox: Inbox::new(db.clone(), "t"),
            clock: Clock::default(),
            metrics,
            manager_metrics,
            intake: Intake::default(),
            work: TaskTracker::new(),
        };
        Router::new(Wired::new(routes, state), context).unwrap()
    }

    async fn ask(router: &Router, how: &str) -> Response {
        let mut request = Request::new(Method::Post, "/v1/things", "test")
            .json(&how)
            .unwrap();
        request.idempotency_key = Some(how.to_owned());
        send(router, "", &serde_json::to_vec(&request).unwrap()).await
    }

    async fn send(router: &Router, encoding: &str, body: &[u8]) -> Response {
        let delivered = Delivered {
            body: body.to_vec(),
            encoding: encoding.to_owned(),
            ..Delivered::default()
        };
        router.serve(delivered, &Nobody).await.unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_a_typed_reply_and_not_remembered() {
        let (db, _dir) = scratch::database().await;
        let router = router(&db);
        for _ in 0..2 {
            let reply = ask(&router, "panic").await;
            assert_eq!(reply.status_code, 500);
            assert_eq!(reply.data_type, Response::ERROR_TYPE);
            assert!(reply.body().contains("INTERNAL"), "{}", reply.body());
            assert!(!reply.body().contains("a handler"), "{}", reply.body());
        }
        assert_eq!(ask(&router, "well").await.status_code, 200);
    }

    #[rstest]
    #[case::null_is_absent(
        r#"{"uri":"/v1/things","method":"POST","publisher":null,"data":"x"}"#,
        200,
        "x"
    )]
    #[case::nobodys_customer(
        r#"{"uri":"/v1/things","method":"POST","customer_id":"","data":"x"}"#,
        200,
        "x"
    )]
    #[case::a_mark(
        "\u{feff}{\"uri\":\"/v1/things\",\"method\":\"POST\",\"data\":\"x\"}",
        200,
        "x"
    )]
    #[case::keys_in_another_case(r#"{"URI":"/v1/things","Method":"POST","DATA":"x"}"#, 200, "x")]
    #[case::as_over_http(r#"{"uri":"/api/v1/things","method":"POST","data":"x"}"#, 200, "x")]
    #[case::with_a_query(r#"{"uri":"/api/v1/things?a=1","method":"POST","data":"x"}"#, 200, "x")]
    #[case::a_slash_at_the_end(r#"{"uri":"/v1/things/","method":"POST","data":"x"}"#, 200, "x")]
    #[case::empty_segments(r#"{"uri":"//v1//things//?a=1","method":"POST","data":"x"}"#, 200, "x")]
    #[case::only_slashes(r#"{"uri":"///","method":"POST"}"#, 404, "ROUTE_NOT_FOUND")]
    #[case::a_bad_scope(
        r#"{"uri":"/v1/things","method":"POST","customer_id":"x"}"#,
        400,
        "customer_id must be a UUID"
    )]
    #[case::a_number_for_a_uri(r#"{"uri":5,"method":"POST"}"#, 400, "uri must be a text")]
    #[case::api_twice(
        r#"{"uri":"/api/api/v1/things","method":"POST"}"#,
        404,
        "ROUTE_NOT_FOUND"
    )]
    #[case::api_of_nothing(r#"{"uri":"/apiv1/things","method":"POST"}"#, 404, "ROUTE_NOT_FOUND")]
    #[case::another_method(r#"{"uri":"/v1/things","method":"PATCH"}"#, 404, "ROUTE_NOT_FOUND")]
    #[case::a_method_in_lower_case(
        r#"{"uri":"/v1/things","method":"post"}"#,
        404,
        "ROUTE_NOT_FOUND"
    )]
    #[case::an_empty_method(r#"{"uri":"/v1/things","method":""}"#, 404, "ROUTE_NOT_FOUND")]
    #[case::a_null_method(r#"{"uri":"/v1/things","method":null}"#, 404, "ROUTE_NOT_FOUND")]
    #[case::no_method(r#"{"uri":"/v1/things"}"#, 404, "ROUTE_NOT_FOUND")]
    #[case::no_uri(r#"{"method":"POST","data":"x"}"#, 404, "ROUTE_NOT_FOUND")]
    #[case::a_null_uri(r#"{"uri":null,"method":"POST"}"#, 404, "ROUTE_NOT_FOUND")]
    #[case::an_empty_uri(r#"{"uri":"","method":"POST"}"#, 404, "ROUTE_NOT_FOUND")]
    #[case::neither("{}", 404, "ROUTE_NOT_FOUND")]
    #[case::a_reply(r#"{"status_code":200,"data":[]}"#, 404, "ROUTE_NOT_FOUND")]
    #[case::a_uri_that_is_no_text(r#"{"uri":7,"method":"POST"}"#, 400, "INVALID_ENVELOPE")]
    #[case::a_method_that_is_no_text(
        r#"{"uri":"/v1/things","method":[]}"#,
        400,
        "INVALID_ENVELOPE"
    )]
    #[case::a_key_twice(
        r#"{"uri":"/v1/things","uri":"/v1/things","method":"POST"}"#,
        400,
        "INVALID_ENVELOPE"
    )]
    #[case::a_key_twice_in_two_cases(
        r#"{"uri":"/v1/things","URI":"/v1","method":"POST"}"#,
        400,
        "INVALID_ENVELOPE"
    )]
    #[case::an_unknown_key_twice(
        r#"{"uri":"/v1/things","method":"POST","a":1,"a":1,"data":"x"}"#,
        400,
        "INVALID_ENVELOPE"
    )]
    #[case::a_key_twice_in_the_body(
        r#"{"uri":"/v1/things","method":"POST","data":{"a":1,"a":1}}"#,
        400,
        "INVALID_BODY"
    )]
    #[case::no_json("uri=/v1/things", 400, "INVALID_ENVELOPE")]
    #[case::an_array("[]", 400, "INVALID_ENVELOPE")]
    #[tokio::test]
    async fn an_envelope_is_read_to_the_letter(
        #[case] envelope: &str,
        #[case] status: u16,
        #[case] told: &str,
    ) {
        let (db, _dir) = scratch::database().await;
        let reply = send(&router(&db), "", envelope.as_bytes()).await;
        assert_eq!(reply.status_code, status, "{}", reply.body());
        assert!(reply.body().contains(told), "{}", reply.body());
    }

    #[rstest]
    #[case("gzip", true, 200, "x")]
    #[case("GZIP", true, 200, "x")]
    #[case("gzip", false, 400, "INVALID_ENCODING")]
    #[case("", true, 400, "INVALID_ENVELOPE")]
    #[case("", false, 200, "x")]
    #[case("utf-8", false, 200, "x")]
    #[case("identity", false, 200, "x")]
    #[case("br", false, 400, "br")]
    #[case("deflate", true, 400, "UNSUPPORTED_ENCODING")]
    #[tokio::test]
    async fn a_body_is_unpacked_as_it_says(
        #[case] encoding: &str,
        #[case] is_packed: bool,
        #[case] status: u16,
        #[case] told: &str,
    ) {
        let (db, _dir) = scratch::database().await;
        let envelope = br#"{"uri":"/v1/things","method":"POST","data":"x"}"#;
        let body = if is_packed {
            gzip(envelope)
        } else {
            envelope.to_vec()
        };
        let reply = send(&router(&db), encoding, &body).await;
        assert_eq!(reply.status_code, status, "{}", reply.body());
        assert!(reply.body().contains(told), "{}", reply.body());
    }

    #[tokio::test]
    async fn a_small_body_that_unpacks_to_a_large_one_is_refused() {
        let (db, _dir) = scratch::database().await;
        let reply = send(&router(&db), "gzip", &gzip(&vec![b' '; 50 * BODY_LIMIT])).await;
        assert_eq!(reply.status_code, 400);
        assert!(
            reply.body().contains("REQUEST_TOO_LARGE"),
            "{}",
            reply.body()
        );
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, bytes).unwrap();
        packed.finish().unwrap()
    }

    /// Fails as a lost connection does, as often as it is told to.
    async fn stumble(State(left): State<Arc<AtomicU32>>) -> Result<Json<u32>> {
        let again = |left: u32| left.checked_sub(1);
        match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, again) {
            Ok(_) => Err(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()).into()),
            Err(_) => Ok(Json(7)),
        }
    }

    #[rstest]
    #[case("GET", ATTEMPTS_MAX - 1, 200)]
    #[case("PUT", ATTEMPTS_MAX - 1, 200)]
    #[case("GET", ATTEMPTS_MAX, 503)]
    #[case("PUT", ATTEMPTS_MAX, 503)]
    #[tokio::test]
    async fn what_was_rolled_back_is_run_again(
        #[case] method: &str,
        #[case] failures: u32,
        #[case] status: u16,
    ) {
        let (db, _dir) = scratch::database().await;
        let routes = Routes::default()
            .get("/v1/things", stumble)
            .put("/v1/things", stumble);
        let router = serving(&db, routes, Arc::new(AtomicU32::new(failures)));
        let envelope = format!(r#"{{"uri":"/v1/things","method":"{method}"}}"#);
        let reply = send(&router, "", envelope.as_bytes()).await;
        assert_eq!(reply.status_code, status, "{}", reply.body());
    }

    async fn wait_for(State(gate): State<Arc<Notify>>, _: Query) -> Result<Json<()>> {
        gate.notified().await;
        Ok(Json(()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_for_work_whose_outcome_was_told_to_be_unknown() {
        // A route that only reads asks no inbox: nothing opens this.
        let db = Db::new(&Dsn::Sqlite("/nowhere/router.db".into()), 1).unwrap();
        let gate = Arc::new(Notify::new());
        let routes = Routes::default().get("/v1/gate", wait_for);
        let router = serving(&db, routes, Arc::clone(&gate));
        let request = Request::new(Method::Get, "/v1/gate", "test");
        let told = send(&router, "", &serde_json::to_vec(&request).unwrap()).await;
        assert_eq!(told.status_code, 503, "{}", told.body());
        let work = &router.context.work;
        work.close();
        let drained = tokio::time::timeout(ANSWER_MAX, work.wait()).await;
        assert!(drained.is_err(), "it still runs");
        gate.notify_one();
        work.wait().await;
    }
}
