//! What HTTP leaves to the server: methods, paths, caches, hosts, expectations.

use bin_common_handler::testing::until;
use rstest::rstest;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    client::{KEY, call, raw, read, send},
    dids::key,
    world::{World, start},
};

const ID: &str = "5b1a0000-0000-0000-0000-00000000000a";

#[rstest]
#[case("GET /v1/notes", 200)]
#[case("HEAD /v1/notes", 200)]
#[case("GET /v1/nothing", 404)]
#[case("PATCH /v1/notes", 405)]
#[case("OPTIONS /v1/notes", 204)]
#[case("GET /health", 200)]
#[case("GET /v1/notes/busy", 429)]
#[case("GET /v1/ghosts", 503)]
#[case("GET /v1/dids/export?state=CA", 200)]
#[case("GET /v1/dids/next", 200)]
#[case("GET /v1/dids/next?format=text", 200)]
#[case("GET /v1/dids/next?campaign_id=empty", 503)]
#[case("POST /v1/notes", 400)]
#[case("POST /v1/notes/bulk", 400)]
#[tokio::test]
async fn nobody_in_between_may_keep_an_answer(#[case] line: &str, #[case] status: u16) {
    let world = start().await;
    let with_key = call(world.at, line, &["content-type: application/json"], "").await;
    let status = if line == "POST /v1/notes" {
        200
    } else {
        status
    };
    assert_eq!(
        (with_key.status, with_key.header("cache-control")),
        (status, Some("no-store"))
    );
    assert!(with_key.header("date").is_some());
    let without = send(world.at, line, &[], "").await;
    assert_eq!(without.header("cache-control"), Some("no-store"));
    if without.status == 401 {
        assert_eq!(without.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn forms_vary_by_what_is_accepted() {
    let world = start().await;
    for (line, vary) in [
        ("GET /v1/dids/next", Some("accept")),
        ("GET /v1/dids", None),
    ] {
        assert_eq!(call(world.at, line, &[], "").await.header("vary"), vary);
    }
}

#[rstest]
#[case("/v1/notes", 200)]
#[case("/api/v1/notes?page_size=3", 200)]
#[case("/v1/notes/busy", 429)]
#[case("/v1/dids", 200)]
#[case("/v1/dids/export?state=CA", 200)]
#[case("/health", 200)]
#[case("/v1/health", 200)]
#[case("/v1/nothing", 404)]
#[tokio::test]
async fn head_is_get_without_a_body(#[case] path: &str, #[case] status: u16) {
    let world = start().await;
    let get = call(world.at, &format!("GET {path}"), &[], "").await;
    let head = call(world.at, &format!("HEAD {path}"), &[], "").await;
    assert_eq!((get.status, head.status), (status, status));
    assert_eq!(head.text, "");
    for name in [
        "content-type",
        "content-length",
        "retry-after",
        "content-disposition",
    ] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[tokio::test]
async fn head_needs_the_same_key_and_scope() {
    let world = start().await;
    world.dids.allow(&key(1), &["outdial:read"], json!({}));
    assert_eq!(send(world.at, "HEAD /v1/dids", &[], "").await.status, 401);
    let header = format!("x-api-key: {}", key(1));
    assert_eq!(
        send(world.at, "HEAD /v1/dids", &[&header], "").await.status,
        403
    );
}

#[rstest]
#[case("POST /v1/dids/next", "GET, OPTIONS")]
#[case("HEAD /v1/dids/next", "GET, OPTIONS")]
#[case("HEAD /api/v1//dids/next/?campaign_id=a", "GET, OPTIONS")]
#[case("DELETE /v1/notes", "GET, HEAD, POST, OPTIONS")]
#[case("PATCH /api/v1/notes", "GET, HEAD, POST, OPTIONS")]
#[case("get /v1/notes", "GET, HEAD, POST, OPTIONS")]
#[case("GET /v1/notes/bulk", "POST, OPTIONS")]
#[case("HEAD /v1/notes/bulk", "POST, OPTIONS")]
#[case("POST /health", "GET, HEAD, OPTIONS")]
#[case("DELETE /v1/health", "GET, HEAD, OPTIONS")]
#[tokio::test]
async fn a_method_that_a_path_lacks_is_405_and_told_which_it_has(
    #[case] line: &str,
    #[case] allow: &str,
) {
    let world = start().await;
    let answer = call(world.at, line, &[], "").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)));
    if !line.starts_with("HEAD") {
        let body = answer.json();
        assert_eq!(body["success"], json!(false));
        let said = body["reason"].as_str().or(body["error"].as_str()).unwrap();
        assert!(said.eq_ignore_ascii_case("METHOD_NOT_ALLOWED"), "{said}");
    }
    assert_eq!(
        send(world.at, line, &[], "").await.status,
        401,
        "not without a key"
    );
}

#[tokio::test]
async fn an_id_has_its_methods_too() {
    let world = start().await;
    let answer = call(world.at, &format!("POST /v1/notes/{ID}"), &[], "{}").await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("GET, HEAD, PUT, OPTIONS"))
    );
}

#[rstest]
#[case("/v1/notes", 204, Some("GET, HEAD, POST, OPTIONS"))]
#[case("/api/v1/dids/next", 204, Some("GET, OPTIONS"))]
#[case("/v1/dids/bulk", 204, Some("POST, OPTIONS"))]
#[case("/health", 204, Some("GET, HEAD, OPTIONS"))]
#[case("*", 204, Some("GET, HEAD, POST, PUT, DELETE, OPTIONS"))]
#[case("/v1/nothing", 404, None)]
#[tokio::test]
async fn options_names_the_methods(
    #[case] path: &str,
    #[case] status: u16,
    #[case] allow: Option<&str>,
) {
    let world = start().await;
    let answer = call(world.at, &format!("OPTIONS {path}"), &[], "").await;
    assert_eq!((answer.status, answer.header("allow")), (status, allow));
}

#[rstest]
#[case("/v1//notes")]
#[case("//v1///notes")]
#[case("/v1/notes/")]
#[case("/v1/notes//")]
#[case("/api//v1/notes/?page_size=100")]
#[case("/v1/%6eotes")]
#[case("/%76%31/notes")]
#[case("http://bridge/v1/notes")]
#[case("http://else.example:99//v1/notes/")]
#[tokio::test]
async fn a_path_means_the_same_however_it_is_written(#[case] path: &str) {
    let world = start().await;
    let plain = call(world.at, "GET /v1/notes", &[], "").await;
    let answer = call(world.at, &format!("GET {path}"), &[], "").await;
    assert_eq!((answer.status, answer.text), (200, plain.text));
}

#[rstest]
#[case::missing("GET /v1/notes HTTP/1.1\r\n", "INVALID_HOST")]
#[case::twice("GET /v1/notes HTTP/1.1\r\nhost: b\r\nhost: b\r\n", "INVALID_HOST")]
#[case::two("GET /v1/notes HTTP/1.1\r\nhost: b\r\nHost: c\r\n", "INVALID_HOST")]
#[case::user("GET /v1/notes HTTP/1.1\r\nhost: a@b\r\n", "INVALID_HOST")]
#[case::path("GET /v1/notes HTTP/1.1\r\nhost: b/v1\r\n", "INVALID_HOST")]
#[case::absolute("GET http://b/v1/notes HTTP/1.1\r\n", "INVALID_HOST")]
#[case::health("GET /health HTTP/1.1\r\n", "INVALID_HOST")]
#[case::line("GET /v1/notes HTTP/1.1\nhost: b\r\n", "INVALID_REQUEST")]
#[case::header("GET /v1/notes HTTP/1.1\r\nhost: b\nx: y\r\n", "INVALID_REQUEST")]
#[case::last("GET /v1/notes HTTP/1.1\r\nhost: b\n", "INVALID_REQUEST")]
#[case::before("\nGET /v1/notes HTTP/1.1\r\nhost: b\r\n", "INVALID_REQUEST")]
#[tokio::test]
async fn a_head_that_others_may_read_otherwise_is_400(#[case] head: &str, #[case] reason: &str) {
    let world = start().await;
    let answer = raw(world.at, &format!("{head}x-api-key: {KEY}\r\n\r\n")).await;
    assert_eq!((answer.status, answer.reason()), (400, reason.to_owned()));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_bare_line_feed_is_found_in_a_later_request_and_not_in_a_body() {
    let world = start().await;
    let body = "{\"a\":\n\n1}";
    let good = format!(
        "POST /v1/notes HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let bad = format!("GET /v1/notes HTTP/1.1\r\nhost: b\nx-api-key: {KEY}\r\n\r\n");
    let answer = raw(world.at, &format!("{good}{good}{bad}{good}")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text.matches("HTTP/1.1 200 OK").count(), 1);
    assert_eq!(answer.text.matches("HTTP/1.1 400 Bad Request").count(), 1);
    assert!(answer.text.contains("INVALID_REQUEST"), "{}", answer.text);
}

#[tokio::test]
async fn old_callers_need_no_host() {
    let world = start().await;
    let old = format!("GET /v1/notes HTTP/1.0\r\nx-api-key: {KEY}\r\n\r\n");
    assert_eq!(raw(world.at, &old).await.status, 200);
}

#[tokio::test]
async fn a_body_is_called_for_only_when_it_is_wanted() {
    let world = start().await;
    let expecting = |key: &str, expectation: &str| {
        format!(
            "POST /v1/notes HTTP/1.1\r\nhost: b\r\nx-api-key: {key}\r\nconnection: close\r\n\
             expect: {expectation}\r\ncontent-length: 2\r\n\r\n"
        )
    };
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream
        .write_all(expecting(KEY, "100-continue").as_bytes())
        .await
        .unwrap();
    let mut called = [0; 25];
    stream.read_exact(&mut called).await.unwrap();
    assert_eq!(&called, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"{}").await.unwrap();
    assert_eq!(read(stream).await.status, 200);
    let refused = raw(world.at, &expecting("wrong", "100-continue")).await;
    assert_eq!(refused.status, 401, "at once");
    assert_eq!(raw(world.at, &expecting(KEY, "tea")).await.status, 417);
}

/// A request whose body of two bytes is still to come, on a connection that stays.
async fn begin(world: &World, line: &str, key: &str) -> TcpStream {
    let head =
        format!("{line} HTTP/1.1\r\nhost: b\r\nx-api-key: {key}\r\ncontent-length: 2\r\n\r\n");
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[rstest]
#[case::unknown_key("POST /v1/notes", "wrong".to_owned(), 401)]
#[case::no_scope("POST /v1/dids", key(1), 403)]
#[case::no_route("POST /v1/nothing", KEY.to_owned(), 404)]
#[case::no_method("DELETE /v1/notes", KEY.to_owned(), 405)]
#[tokio::test]
async fn a_refusal_before_the_body_keeps_the_connection_or_says_that_it_ends(
    #[case] line: &str,
    #[case] key_shown: String,
    #[case] status: u16,
) {
    let world = start().await;
    world.dids.allow(&key(1), &["outdial:read"], json!({}));
    let mut stream = begin(&world, line, &key_shown).await;
    let name = format!("tandem_bridge_requests_total{{status=\"{status}\"}} 1\n");
    until("it is refused", async || {
        let text = String::from_utf8(world.metrics.encode().unwrap()).unwrap();
        text.contains(&name).then_some(())
    })
    .await;
    let next = format!(
        "{{}}GET /v1/notes HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\nconnection: close\r\n\r\n"
    );
    // On a machine that is too busy the body comes too late; then the answer says so.
    let _ = stream.write_all(next.as_bytes()).await;
    let answer = read(stream).await;
    assert_eq!(answer.status, status);
    let next_is_answered = answer.text.contains("HTTP/1.1 200 OK");
    let is_told = answer.header("connection") == Some("close");
    assert!(next_is_answered != is_told, "{answer:?}");
}

#[rstest]
#[case::unknown_key("POST /v1/notes", "wrong".to_owned(), 401)]
#[case::no_scope("POST /v1/dids", key(1), 403)]
#[case::no_route("POST /v1/nothing", KEY.to_owned(), 404)]
#[case::no_method("DELETE /v1/notes", KEY.to_owned(), 405)]
#[tokio::test]
async fn a_refusal_of_a_body_that_never_comes_ends_the_connection_and_says_so(
    #[case] line: &str,
    #[case] key_shown: String,
    #[case] status: u16,
) {
    let world = start().await;
    world.dids.allow(&key(1), &["outdial:read"], json!({}));
    let answer = read(begin(&world, line, &key_shown).await).await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (status, Some("close"))
    );
}

#[tokio::test]
async fn trailers_after_a_body_are_left_alone() {
    let world = start().await;
    for (line, body) in [
        ("/v1/notes", "{}"),
        ("/v1/notes/bulk", "[]"),
        ("/v1/dids/bulk", "cid"),
    ] {
        let request = format!(
            "POST {line} HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\ntransfer-encoding: chunked\r\n\
             trailer: x-sum\r\n\r\n{:x}\r\n{body}\r\n0\r\nx-sum: 1\r\n\r\n",
            body.len()
        );
        let answer = raw(world.at, &request).await;
        assert_eq!(
            (answer.status, answer.header("connection")),
            (200, Some("close")),
            "{line}"
        );
    }
}

#[rstest]
#[case("POST /v1/dids/map", "")]
#[case("POST /v1/dids/map", "null")]
#[case("POST /v1/dids/map", "\u{feff}")]
#[case("POST /api/v1/dids/map/", "")]
#[tokio::test]
async fn a_body_that_is_missing_is_asked_for(#[case] line: &str, #[case] body: &str) {
    let world = start().await;
    let answer = call(world.at, line, &[], body).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (400, "INVALID_BODY".to_owned())
    );
    assert_eq!(
        answer.json()["message"],
        "A JSON object is required as the body."
    );
    let wrong = call(world.at, line, &[], "7").await;
    assert_ne!(wrong.json()["message"], answer.json()["message"]);
}

#[tokio::test]
async fn what_is_known_to_be_counted_is_there_before_it_is_counted() {
    let world = start().await;
    world.metrics.start_manager("a-manager");
    let text = String::from_utf8(world.metrics.encode().unwrap()).unwrap();
    for name in [
        r#"tandem_events_total{manager="a-manager",result="parked"}"#,
        r#"tandem_events_total{manager="a-manager",result="published"}"#,
        r#"tandem_events_total{manager="a-manager",result="repeated"}"#,
        r#"tandem_requests_dropped_total{manager="a-manager",reason="late"}"#,
        r#"tandem_requests_dropped_total{manager="a-manager",reason="busy"}"#,
        r#"tandem_requests_dropped_total{manager="a-manager",reason="caller_gone"}"#,
        r#"tandem_requests_dropped_total{manager="a-manager",reason="reply_loop"}"#,
        r#"tandem_requests_dropped_total{manager="a-manager",reason="unreadable"}"#,
        r#"tandem_deferred_requests_total{manager="a-manager",result="parked"}"#,
        r#"tandem_deferred_requests_total{manager="a-manager",result="retried"}"#,
        r#"tandem_queues_redeclared_total{manager="a-manager"}"#,
        r#"tandem_replies_failed_total{manager="a-manager"}"#,
        r#"tandem_bridge_requests_total{status="503"}"#,
        r#"tandem_bridge_rate_limited_total{by="key"}"#,
        r#"tandem_bridge_rate_limited_total{by="customer"}"#,
        r#"tandem_connections_refused_total{listener="bridge",reason="full"}"#,
        r#"tandem_connections_refused_total{listener="bridge",reason="slow_reader"}"#,
    ] {
        assert!(
            text.contains(&format!("{name} 0")),
            "{name} is not there:\n{text}"
        );
    }
    assert!(text.contains(r#"tandem_received_events_total{result="parked",subscriber="#));
}

#[tokio::test]
async fn open_connections_are_shown() {
    let world = start().await;
    let held = TcpStream::connect(world.at).await.unwrap();
    let shown = async |count: &str| {
        let name = format!("tandem_connections{{listener=\"bridge\"}} {count}\n");
        until("the figure", async || {
            let text = String::from_utf8(world.metrics.encode().unwrap()).unwrap();
            text.contains(&name).then_some(())
        })
        .await;
    };
    shown("1").await;
    drop(held);
    shown("0").await;
}
