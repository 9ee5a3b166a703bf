//! What reaches a manager, and what comes back.

use std::sync::atomic::Ordering;

use rstest::rstest;
use serde_json::json;

use super::{
    client::{KEY, call, send},
    world::start,
};

const ID: &str = "5b1a0000-0000-0000-0000-00000000000a";
const NIL: &str = "00000000-0000-0000-0000-000000000000";

#[tokio::test]
async fn without_the_key_there_is_nothing_to_see_but_health() {
    let world = start().await;
    for line in [
        "GET /v1/notes",
        "GET /v1/nowhere",
        "POST /health",
        "GET /apihealth",
        "GET /v1/notes/unhealth",
    ] {
        let answer = send(world.at, line, &[], "").await;
        let expected = json!({
            "status": "UNAUTHENTICATED",
            "reason": "API_KEY_REQUIRED",
            "domain": "http-bridge",
            "message": "API key required",
            "success": false,
        });
        assert_eq!((answer.status, answer.json()), (401, expected), "{line}");
    }
    let wrong = send(world.at, "GET /v1/notes", &["x-api-key: no"], "").await;
    assert_eq!(
        (wrong.status, wrong.reason()),
        (401, "INVALID_API_KEY".to_owned())
    );
    let bearer = format!("authorization: Bearer {KEY}");
    let right = send(world.at, "GET /v1/notes", &[&bearer], "").await;
    assert_eq!(right.status, 200);
    for path in [
        "/health",
        "/api/health",
        "/api/v1/health",
        "/api/v1/dialer/health?a=1",
        "/v1/health",
    ] {
        let answer = send(world.at, &format!("GET {path}"), &[], "").await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({ "status": "ok", "success": true }))
        );
    }
}

#[rstest]
#[case("/v1")]
#[case("/api/v1")]
#[tokio::test]
async fn path_and_query_arrive_as_they_were(#[case] prefix: &str) {
    let world = start().await;
    let line = format!("GET {prefix}/notes/{ID}?a=%2B1&b=x+y");
    let answer = call(world.at, &line, &[], "").await;
    let expected = json!({ "id": ID, "query": { "a": "+1", "b": "x y" } });
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_list_is_filtered_by_its_query() {
    let world = start().await;
    let line = "GET /v1/notes?page_size=7&name=x%20y&deleted=false";
    let answer = call(world.at, line, &[], "").await;
    let filters = [r#"("deleted", Deleted(false))"#, r#"("name", Text("x y"))"#];
    assert_eq!(answer.json(), json!({ "size": 7, "filters": filters }));
    let answer = call(world.at, &format!("{line}&unknown=1"), &[], "").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (400, "UNKNOWN_PARAMETER".to_owned())
    );
    let answer = call(world.at, "GET /v1/notes", &[], r#"{"name":"z"}"#).await;
    assert_eq!(answer.json()["filters"], json!([r#"("name", Text("z"))"#]));
    let answer = call(world.at, "GET /v1/notes", &[], r#"{"size":"z"}"#).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (400, "UNKNOWN_FILTER".to_owned())
    );
}

#[tokio::test]
async fn a_managers_error_comes_back_as_the_manager_said_it() {
    let world = start().await;
    let answer = call(world.at, &format!("GET /v1/notes/{NIL}"), &[], "").await;
    let expected = json!({
        "status": "NOT_FOUND",
        "reason": "NOTE_NOT_FOUND",
        "domain": "note-manager",
        "message": "The note was not found.",
    });
    assert_eq!((answer.status, answer.json()), (404, expected));
    let answer = call(world.at, "GET /v1/notes/busy", &[], "").await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("1"))
    );
}

#[rstest]
#[case("GET /v1/nothing")]
#[case("POST /")]
#[case("GET /assets/live.js")]
#[case("HEAD /v1/nothing")]
#[case("OPTIONS /v1/nothing")]
#[case("PATCH /v1/nothing")]
#[case("GET /v1/notes/5B1A0000-0000-0000-0000-00000000000A")]
#[case("GET /v1/notes/x/y")]
#[case("GET /v1/no%2Ftes")]
#[tokio::test]
async fn what_no_route_takes_is_404(#[case] line: &str) {
    let world = start().await;
    let answer = call(world.at, line, &[], "").await;
    assert_eq!(answer.status, 404);
    if !line.starts_with("HEAD") {
        assert_eq!(answer.reason(), "ROUTE_NOT_FOUND");
        assert_eq!(answer.json()["domain"], "http-bridge");
    }
}

#[tokio::test]
async fn a_manager_that_is_away_is_503_and_worth_another_try() {
    let world = start().await;
    let answer = call(world.at, "GET /v1/ghosts", &[], "").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (503, "SERVICE_NOT_SERVED".to_owned())
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn the_same_key_is_done_once() {
    let world = start().await;
    let key = &["idempotency-key: one"];
    let first = call(world.at, "POST /v1/notes", key, r#"{"a": 1}"#).await;
    let again = call(world.at, "POST /v1/notes", key, r#"{"a": 1}"#).await;
    assert_eq!((first.status, &first.text), (200, &again.text));
    assert_eq!(first.json()["body"], json!({ "a": 1 }));
    let other = call(world.at, "POST /v1/notes", key, r#"{"a": 2}"#).await;
    assert_eq!(
        (other.status, other.reason()),
        (409, "IDEMPOTENCY_KEY_REUSED".to_owned())
    );
    call(world.at, "POST /v1/notes", &[], r#"{"a": 1}"#).await;
    call(world.at, "POST /v1/notes", &[], r#"{"a": 1}"#).await;
    assert_eq!(world.notes.created.load(Ordering::SeqCst), 3);
    for key in [
        "idempotency-key: ".to_owned(),
        format!("idempotency-key: {}", "k".repeat(256)),
    ] {
        let answer = call(world.at, "POST /v1/notes", &[&key], "{}").await;
        assert_eq!(
            (answer.status, answer.reason()),
            (400, "INVALID_IDEMPOTENCY_KEY".to_owned())
        );
    }
}

#[tokio::test]
async fn a_request_id_travels_and_comes_back() {
    let world = start().await;
    let answer = call(world.at, "POST /v1/notes", &["x-request-id: abc-1"], "{}").await;
    assert_eq!(answer.header("x-request-id"), Some("abc-1"));
    assert_eq!(answer.json()["request_id"], "abc-1");
    for given in ["x-request-id: a b", "x-request-id: ", "accept: */*"] {
        let answer = call(world.at, "POST /v1/notes", &[given], "{}").await;
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!(answer.json()["request_id"], id.as_str());
        assert!(uuid::Uuid::try_parse(&id).is_ok(), "{id}");
    }
    let refused = send(world.at, "GET /v1/notes", &["x-request-id: abc-2"], "").await;
    assert_eq!(refused.header("x-request-id"), Some("abc-2"));
}

#[rstest]
#[case("{")]
#[case("a=1&b=2")]
#[case("{} {}")]
#[case("{\u{feff}}")]
#[case("\u{feff}\u{feff}{}")]
#[tokio::test]
async fn a_body_that_is_not_json_is_refused_here(#[case] body: &str) {
    let world = start().await;
    for line in ["POST /v1/notes".to_owned(), format!("PUT /v1/notes/{ID}")] {
        let answer = call(world.at, &line, &[], body).await;
        assert_eq!(
            (answer.status, answer.reason()),
            (400, "INVALID_BODY".to_owned())
        );
    }
    assert_eq!(world.notes.created.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn requests_are_counted_by_status() {
    let world = start().await;
    call(world.at, "GET /v1/notes", &[], "").await;
    send(world.at, "GET /v1/notes", &[], "").await;
    let text = String::from_utf8(world.metrics.encode().unwrap()).unwrap();
    assert!(text.contains(r#"tandem_bridge_requests_total{status="200"} 1"#));
    assert!(text.contains(r#"tandem_bridge_requests_total{status="401"} 1"#));
    assert!(text.contains("tandem_bridge_request_duration_seconds_count 2"));
}
