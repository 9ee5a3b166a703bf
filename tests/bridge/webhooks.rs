//! Requests of strangers: without a key, as they came, and no more than is good.

use std::net::SocketAddr;

use rstest::rstest;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    client::{Answer, KEY, call, read, send},
    world::start,
};

const FORM: &str = "content-type: application/x-www-form-urlencoded";

/// Sends a body of any bytes, without a key.
async fn post(at: SocketAddr, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: voice.example.com\r\n");
    for header in headers {
        head.push_str(&format!("{header}\r\n"));
    }
    head.push_str(&format!(
        "connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    ));
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // What is refused may be closed before all of it was sent.
    let _ = stream.write_all(body).await;
    read(stream).await
}

#[tokio::test]
async fn only_what_was_chosen_travels() {
    let world = start().await;
    let headers = [
        "x-signature: one",
        "X-SIGNATURE: two",
        "content-type: text/plain",
        "cookie: secret=1",
        "authorization: Bearer secret",
        "x-forwarded-for: 10.0.0.1",
        "idempotency-key: mine",
        "x-request-id: 17.4",
    ];
    let answer = post(
        world.at,
        "/api/v1//hooks/a%2Db/?x=%2B1&y=a+b",
        &headers,
        b"hello",
    )
    .await;
    let expected = json!({
        "provider": "a-b",
        "data": {
            "method": "POST",
            "url": "http://voice.example.com/api/v1//hooks/a%2Db/?x=%2B1&y=a+b",
            "headers": { "content-type": ["text/plain"], "x-signature": ["one", "two"] },
            "body_base64": "aGVsbG8=",
        },
        "customer_id": null,
        "access_key_id": null,
        "client_request_id": null,
        "is_keyed": false,
    });
    assert_eq!((answer.status, answer.json()), (200, expected));
}

#[tokio::test]
async fn a_key_that_is_shown_changes_nothing() {
    let world = start().await;
    for key in [KEY, "nonsense"] {
        let key = format!("x-api-key: {key}");
        let answer = send(world.at, "GET /v1/hooks/x", &[&key], "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["access_key_id"], Value::Null);
        assert_eq!(answer.json()["data"]["headers"], json!({}));
        assert_eq!(answer.json()["data"]["body_base64"], "");
    }
}

#[tokio::test]
async fn every_byte_arrives() {
    let world = start().await;
    let all: Vec<u8> = (0..=u8::MAX).collect();
    for body in [
        &all[..],
        b"",
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf{}",
        b"{\"a\":",
    ] {
        let answer = post(world.at, "/v1/hooks/signed", &["x-signature: s"], body).await;
        assert_eq!(
            (answer.status, answer.json()["bytes"].clone()),
            (200, json!(body))
        );
    }
}

#[rstest]
#[case::none(&[])]
#[case::two(&["x-signature: a", "x-signature: b"])]
#[tokio::test]
async fn a_signature_counts_only_where_there_is_one(#[case] headers: &[&str]) {
    let world = start().await;
    let answer = post(world.at, "/v1/hooks/signed", headers, b"x").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (403, "SIGNATURE_REQUIRED".to_owned())
    );
}

#[rstest]
#[case("From=%2B14155550123&Body=a+b%26c", "+14155550123", "a b&c")]
#[case("Body=caf%E9&From=%2b1", "+1", "caf\u{e9}")]
#[case("Body=caf%C3%A9&From=1&Extra=x", "1", "caf\u{e9}")]
#[case("From=1&Body=1&Body=2", "1", "2")]
#[tokio::test]
async fn a_form_is_read(#[case] body: &str, #[case] from: &str, #[case] text: &str) {
    let world = start().await;
    let expected = json!({ "From": from, "Body": text, "NumMedia": null });
    let answer = post(world.at, "/v1/hooks/form", &[FORM], body.as_bytes()).await;
    assert_eq!((answer.status, answer.json()), (200, expected.clone()));
    // A route that is neither raw nor public.
    let answer = call(world.at, "POST /v1/forms", &[FORM], body).await;
    assert_eq!((answer.status, answer.json()), (200, expected));
}

#[rstest]
#[case("Body=x", "The body is not right: From is missing.")]
#[case(
    "From=1&NumMedia=many",
    "The body is not right: NumMedia must be a whole number."
)]
#[tokio::test]
async fn a_wrong_form_is_refused_by_its_field(#[case] body: &str, #[case] message: &str) {
    let world = start().await;
    let answer = post(world.at, "/v1/hooks/form", &[FORM], body.as_bytes()).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (400, "INVALID_BODY".to_owned())
    );
    assert_eq!(answer.json()["message"], message);
}

#[rstest]
#[case("/v1/hooks/signed")]
#[case("/v1/hooks/plain")]
#[tokio::test]
async fn a_stranger_s_body_is_small(#[case] path: &str) {
    let world = start().await;
    let body = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let headers = ["x-signature: s"];
    let most = 256 * 1024;
    let answer = post(world.at, path, &headers, body(most).as_bytes()).await;
    assert_eq!(answer.status, 200);
    let answer = post(world.at, path, &headers, body(most + 1).as_bytes()).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (413, "REQUEST_TOO_LARGE".to_owned())
    );
}

#[tokio::test]
async fn a_packed_body_is_not_taken_where_its_bytes_count() {
    let world = start().await;
    let headers = ["x-signature: s", "content-encoding: gzip"];
    let answer = post(world.at, "/v1/hooks/signed", &headers, b"x").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (415, "UNSUPPORTED_ENCODING".to_owned())
    );
}

#[tokio::test]
async fn a_deferred_one_is_answered_when_it_is_safe() {
    let world = start().await;
    let answer = post(world.at, "/v1/hooks/later", &[], b"x").await;
    assert_eq!(
        (answer.status, answer.json()["message"].clone()),
        (200, json!("accepted"))
    );
    let answer = post(world.at, "/v1/hooks/later", &[], b"away").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (503, "DATABASE_UNAVAILABLE".to_owned())
    );
}

#[tokio::test]
async fn a_method_that_is_not_there_is_405_without_a_key() {
    let world = start().await;
    let answer = send(world.at, "DELETE /v1/hooks/x", &[], "").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (405, "METHOD_NOT_ALLOWED".to_owned())
    );
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    let answer = send(world.at, "OPTIONS /v1/hooks/x", &[], "").await;
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn what_is_raw_is_not_therefore_public() {
    let world = start().await;
    let line = "PUT /v1/hooks/signed";
    let answer = send(world.at, line, &["x-signature: s"], "").await;
    assert_eq!(answer.status, 401);
    let answer = call(world.at, line, &["x-signature: s"], "").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn an_address_has_a_rate() {
    let world = start().await;
    let mut refused = None;
    for _ in 0..2_000 {
        let answer = send(world.at, "GET /v1/hooks/x", &[], "").await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a limit");
    assert_eq!(
        (refused.status, refused.reason()),
        (429, "RATE_LIMITED".to_owned())
    );
    assert!(refused.header("retry-after").is_some());
    // Who has a key is another caller.
    assert_eq!(call(world.at, "GET /v1/notes", &[], "").await.status, 200);
}
