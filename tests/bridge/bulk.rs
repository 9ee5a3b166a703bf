//! Rows in batches.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    client::{Answer, KEY, call, raw, read},
    world::start,
};

const LINE: &str = "POST /v1/notes/bulk";

fn rows(count: usize) -> Vec<Value> {
    (0..count).map(|row| json!({ "row": row })).collect()
}

async fn send(at: SocketAddr, rows: &[Value], headers: &[&str]) -> Answer {
    call(at, LINE, headers, &serde_json::to_string(rows).unwrap()).await
}

#[tokio::test]
async fn up_to_a_thousand_rows_are_one_request() {
    let world = start().await;
    for count in [0, 1, 1_000] {
        let answer = send(world.at, &rows(count), &[]).await;
        let expected = json!({ "created": count, "skipped": 0 });
        assert_eq!((answer.status, answer.json()), (200, expected));
    }
    let mut refused = rows(10);
    refused.push("bad".into());
    let answer = send(world.at, &refused, &[]).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (400, "INVALID_ROWS".to_owned())
    );
    assert_eq!(answer.json()["details"], json!([{ "index": 10 }]));
    assert_eq!(answer.json()["domain"], "note-manager");
}

#[tokio::test]
async fn more_rows_are_streamed_while_they_come() {
    let world = start().await;
    let text = serde_json::to_string(&rows(2_500)).unwrap();
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    let head = format!(
        "{LINE} HTTP/1.1\r\nhost: b\r\nconnection: close\r\nx-api-key: {KEY}\r\n\
         idempotency-key: import\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (early, late) = text.split_at(text.len() - 10);
    for chunk in early.as_bytes().chunks(5_000) {
        let size = format!("{:x}\r\n", chunk.len());
        stream.write_all(size.as_bytes()).await.unwrap();
        stream.write_all(chunk).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    // Two batches are known to be whole: the first has been worked on before the body ends.
    while world.notes.batches.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let end = format!("{:x}\r\n{late}\r\n0\r\n\r\n", late.len());
    stream.write_all(end.as_bytes()).await.unwrap();
    let answer = read(stream).await;
    let expected = json!({ "batches": 3, "created": 2_500, "skipped": 0, "errors": [] });
    assert_eq!((answer.status, answer.json()), (200, expected));
    let seen = world.notes.batches.lock().unwrap().clone();
    let last = |row: usize| json!({ "row": row });
    let expected = [(1_000, last(999)), (1_000, last(1_999)), (500, last(2_499))];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn an_import_that_is_repeated_adds_nothing() {
    let world = start().await;
    let key = &["idempotency-key: import"];
    let first = send(world.at, &rows(2_500), key).await;
    let again = send(world.at, &rows(2_500), key).await;
    assert_eq!((first.status, first.text), (again.status, again.text));
    assert_eq!(world.notes.batches.lock().unwrap().len(), 3);
    let long = format!("idempotency-key: {}", "k".repeat(241));
    let refused = send(world.at, &rows(1), &[&long]).await;
    assert_eq!(refused.reason(), "INVALID_IDEMPOTENCY_KEY");
}

#[tokio::test]
async fn a_refused_batch_does_not_stop_the_others() {
    let world = start().await;
    let mut rows = rows(2_500);
    rows[1_500] = "bad".into();
    let answer = send(world.at, &rows, &[]).await;
    let report = answer.json();
    assert_eq!(answer.status, 207);
    assert_eq!(
        (&report["batches"], &report["created"]),
        (&json!(3), &json!(1_500))
    );
    let error = &report["errors"][0];
    assert_eq!(
        (&error["reason"], &error["index"]),
        (&json!("INVALID_ROWS"), &json!(1_000))
    );
    assert_eq!(error["details"], json!([{ "index": 1_500 }]));
}

#[tokio::test]
async fn what_the_rest_would_meet_too_stops_it_and_says_where_to_go_on() {
    let world = start().await;
    let mut later = rows(3_500);
    later[1_200] = "away".into();
    let answer = send(world.at, &later, &[]).await;
    let report = answer.json();
    assert_eq!((answer.status, &report["batches"]), (207, &json!(2)));
    assert_eq!(report["errors"][0]["reason"], "DATABASE_UNAVAILABLE");
    assert_eq!(report["errors"][0]["index"], 1_000);
    let mut first = rows(3_500);
    first[1] = "away".into();
    let answer = send(world.at, &first, &[]).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (503, "DATABASE_UNAVAILABLE".to_owned())
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn json_that_breaks_early_has_no_effect_and_late_is_reported() {
    let world = start().await;
    for body in ["{}", "[1", "[1,]", "[1] 2", "[tru]"] {
        let answer = call(world.at, LINE, &[], body).await;
        assert_eq!(
            (answer.status, answer.reason()),
            (400, "INVALID_BODY".to_owned()),
            "{body}"
        );
    }
    assert!(world.notes.batches.lock().unwrap().is_empty());
    let text = serde_json::to_string(&rows(2_500)).unwrap();
    let answer = call(world.at, LINE, &[], &text[..text.len() - 1]).await;
    let report = answer.json();
    assert_eq!((answer.status, &report["created"]), (207, &json!(2_000)));
    assert_eq!(report["errors"][0]["index"], 2_000);
    assert_eq!(report["errors"][0]["reason"], "INVALID_BODY");
}

#[tokio::test]
async fn more_than_32_mib_is_refused_before_it_is_sent() {
    let world = start().await;
    let announced = 32 * 1024 * 1024 + 1;
    let head = format!(
        "{LINE} HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\nconnection: close\r\ncontent-length: {announced}\r\n\r\n"
    );
    let answer = raw(world.at, &head).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (413, "REQUEST_TOO_LARGE".to_owned())
    );
}
