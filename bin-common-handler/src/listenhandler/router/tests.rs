//! The router with handlers that panic, stumble and are slow.

use std::sync::atomic::{AtomicU32, Ordering};

use rstest::rstest;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::{
    answer::{ANSWER_MAX, ATTEMPTS_MAX},
    *,
};
use crate::{
    clock::Clock,
    databasehandler::{Db, Dsn, scratch},
    inbox::Inbox,
    listenhandler::{Intake, Json, Query, Routes, State},
    metrics::Metrics,
    models::{
        error::Result,
        sock::{BODY_LIMIT, Method, Request},
    },
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
#[case::a_method_in_lower_case(r#"{"uri":"/v1/things","method":"post"}"#, 404, "ROUTE_NOT_FOUND")]
#[case::an_empty_method(r#"{"uri":"/v1/things","method":""}"#, 404, "ROUTE_NOT_FOUND")]
#[case::a_null_method(r#"{"uri":"/v1/things","method":null}"#, 404, "ROUTE_NOT_FOUND")]
#[case::no_method(r#"{"uri":"/v1/things"}"#, 404, "ROUTE_NOT_FOUND")]
#[case::no_uri(r#"{"method":"POST","data":"x"}"#, 404, "ROUTE_NOT_FOUND")]
#[case::a_null_uri(r#"{"uri":null,"method":"POST"}"#, 404, "ROUTE_NOT_FOUND")]
#[case::an_empty_uri(r#"{"uri":"","method":"POST"}"#, 404, "ROUTE_NOT_FOUND")]
#[case::neither("{}", 404, "ROUTE_NOT_FOUND")]
#[case::a_reply(r#"{"status_code":200,"data":[]}"#, 404, "ROUTE_NOT_FOUND")]
#[case::a_uri_that_is_no_text(r#"{"uri":7,"method":"POST"}"#, 400, "INVALID_ENVELOPE")]
#[case::a_method_that_is_no_text(r#"{"uri":"/v1/things","method":[]}"#, 400, "INVALID_ENVELOPE")]
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
