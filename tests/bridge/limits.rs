//! What a caller may take: bytes, headers, time. And how the bridge stops.

use std::time::{Duration, Instant};

use bin_common_handler::testing::until;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    client::{KEY, call, raw, read},
    world::start,
};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_body_of_more_than_1_mib_is_413() {
    let world = start().await;
    let announced = format!(
        "POST /v1/notes HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\ncontent-length: {}\r\n\r\n",
        MIB + 1
    );
    let answer = raw(world.at, &announced).await;
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(
        (answer.status, answer.reason()),
        (413, "REQUEST_TOO_LARGE".to_owned())
    );
    assert_eq!(answer.json()["status"], "INVALID_ARGUMENT");
    let chunk = " ".repeat(MIB + 1);
    let unannounced = format!(
        "POST /v1/notes HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n0\r\n\r\n",
        chunk.len()
    );
    assert_eq!(raw(world.at, &unannounced).await.status, 413);
}

#[tokio::test]
async fn a_body_that_fills_its_envelope_is_taken_and_one_more_is_413() {
    let world = start().await;
    let body = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let answer = call(world.at, "POST /v1/notes", &[], &body(1_000_000)).await;
    assert_eq!(answer.status, 200);
    let answer = call(world.at, "POST /v1/notes", &[], &body(MIB)).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn sixty_four_headers_and_fifteen_kib_are_enough() {
    let world = start().await;
    let header = |number: usize| format!("x-{number}: 1");
    let headers = |count: usize| (0..count).map(header).collect::<Vec<_>>();
    for (count, status) in [(50, 200), (80, 431)] {
        let headers = headers(count);
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let answer = call(world.at, "GET /v1/notes", &headers, "").await;
        assert_eq!(answer.status, status, "{count} headers");
    }
    for (kib, status) in [(15, 200), (33, 431)] {
        let large = format!("x-large: {}", "x".repeat(kib * 1024));
        let answer = call(world.at, "GET /v1/notes", &[&large], "").await;
        assert_eq!(answer.status, status, "{kib} KiB");
    }
}

#[tokio::test]
async fn who_does_not_finish_its_headers_is_not_waited_for() {
    let world = start().await;
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream
        .write_all(b"GET /v1/notes HTTP/1.1\r\nhost:")
        .await
        .unwrap();
    let started = Instant::now();
    let mut rest = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
    let waited = started.elapsed();
    assert!(
        waited > Duration::from_secs(8) && waited < Duration::from_secs(15),
        "{waited:?}"
    );
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let world = start().await;
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    let request = |close: &str| {
        format!("GET /v1/notes HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\n{close}\r\n")
    };
    let both = request("") + &request("connection: close\r\n");
    stream.write_all(both.as_bytes()).await.unwrap();
    let answer = read(stream).await;
    assert_eq!(
        answer.text.matches("HTTP/1.1 200 OK").count(),
        1,
        "the second follows the first"
    );
}

#[tokio::test]
async fn a_stop_lets_nobody_in_and_answers_who_is_in() {
    let world = start().await;
    let idle = TcpStream::connect(world.at).await.unwrap();
    let at = world.at;
    let slow = tokio::spawn(async move { call(at, "GET /v1/notes/slow", &[], "").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let started = Instant::now();
    world.stop.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(
        TcpStream::connect(world.at).await.is_err(),
        "nobody is let in"
    );
    let answer = slow.await.unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (200, r#""at last""#));
    world.bridge.await.unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "an idle connection does not hold it"
    );
    drop(idle);
}

#[tokio::test]
async fn a_route_may_say_how_often_strangers_of_one_address_ask() {
    let world = start().await;
    let post = async |path: &str| {
        call(world.at, &format!("POST {path}"), &[], "{}")
            .await
            .status
    };
    assert_eq!(post("/v1/hooks/few").await, 200);
    assert_eq!(post("/v1/hooks/few").await, 200);
    // On a slow machine a second has passed, and one more may come in.
    let refused = until("one too many", async || {
        let answer = call(world.at, "POST /v1/hooks/few", &[], "{}").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(
        (refused.status, refused.reason()),
        (429, "RATE_LIMITED".to_owned())
    );
    assert_eq!(
        post("/v1/hooks/plain").await,
        200,
        "no other route is counted"
    );
}
