//! Bodies with a mark before them, or packed, on every way in.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use rstest::rstest;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    client::{Answer, KEY, read},
    world::{World, start},
};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl World {
    async fn send(&self, line: &str, headers: &[&str], body: &[u8]) -> Answer {
        let headers: String = headers.iter().map(|it| format!("{it}\r\n")).collect();
        let head = format!(
            "{line} HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\nconnection: close\r\n{headers}\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // It may be answered before the last of it.
        let _ = stream.write_all(body).await;
        read(stream).await
    }
}

fn form(file: &str) -> String {
    format!(
        "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n\
         {file}\r\n--x--\r\n"
    )
}

const FORM: &str = "content-type: multipart/form-data; boundary=x";

#[rstest]
#[case("POST /v1/notes", "", "{\"a\":\"é\"}")]
#[case("POST /v1/notes", "", "\u{feff}{\"a\":\"é\"}")]
#[case(
    "PUT /v1/notes/5b1a0000-0000-0000-0000-00000000000a",
    "",
    "\u{feff}{\"a\":1}"
)]
#[case("GET /v1/notes", "", "\u{feff}{\"name\":\"x\"}")]
#[case("POST /v1/dids/report", "", "\u{feff}{\"uniqueid\":\"1.3\"}")]
#[case("POST /v1/notes/bulk", "", "[1,2]")]
#[case("POST /v1/notes/bulk", "", "\u{feff}[1,2]")]
#[case(
    "POST /v1/dids/bulk",
    "content-type: application/json",
    "\u{feff}[\"4155550123\"]"
)]
#[case(
    "POST /v1/dids/bulk",
    "content-type: text/csv",
    "\u{feff}cid\n4155550123\n"
)]
#[tokio::test]
async fn a_body_is_read_as_it_is_marked_and_packed(
    #[case] line: &str,
    #[case] kind: &str,
    #[case] body: &str,
) {
    let world = start().await;
    let kind: Vec<_> = Some(kind).filter(|it| !it.is_empty()).into_iter().collect();
    let plain = world.send(line, &kind, body.as_bytes()).await;
    assert_eq!(plain.status, 200, "{}", plain.text);
    for encoding in ["gzip", "GZip", "x-gzip", "identity, gzip"] {
        let packed = format!("content-encoding: {encoding}");
        let headers: Vec<_> = kind.iter().copied().chain([&*packed]).collect();
        let answer = world.send(line, &headers, &gzip(body.as_bytes())).await;
        assert_eq!(answer.status, 200, "{encoding}: {}", answer.text);
    }
    for encoding in ["identity", "utf-8", "UTF-8", ""] {
        let same = format!("content-encoding: {encoding}");
        let headers: Vec<_> = kind.iter().copied().chain([&*same]).collect();
        let answer = world.send(line, &headers, body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{encoding}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_was_packed_arrives_whole() {
    let world = start().await;
    let text = "\u{feff}{\"a\":[1,\"é\"]}".as_bytes();
    let answer = world
        .send("POST /v1/notes", &["content-encoding: gzip"], &gzip(text))
        .await;
    assert_eq!(answer.json()["body"], json!({ "a": [1, "é"] }));
    let rows = format!("[{}]", vec!["{\"row\":1}"; 2_500].join(","));
    let packed = gzip(rows.as_bytes());
    let answer = world
        .send("POST /v1/notes/bulk", &["content-encoding: gzip"], &packed)
        .await;
    assert_eq!(
        (answer.status, &answer.json()["created"]),
        (200, &json!(2_500))
    );
    let file = (0..3_000)
        .map(|row| format!("{}\n", 4_155_550_000_u64 + row))
        .collect::<String>();
    let packed = gzip(form(&format!("\u{feff}cid\n{file}")).as_bytes());
    let headers = [FORM, "content-encoding: gzip"];
    let answer = world.send("POST /v1/dids/bulk", &headers, &packed).await;
    assert_eq!(
        (answer.status, &answer.json()["data"]["created"]),
        (200, &json!(3_000))
    );
}

#[rstest]
#[case("POST /v1/notes")]
#[case("POST /v1/notes/bulk")]
#[case("POST /v1/dids/bulk")]
#[case("POST /v1/dids/report")]
#[tokio::test]
async fn a_bomb_is_413_and_what_nobody_knows_415(#[case] line: &str) {
    let world = start().await;
    let bomb = gzip(&vec![b'\n'; 40 << 20]);
    let gz = "content-encoding: gzip";
    let answer = world.send(line, &[gz], &bomb).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (413, "REQUEST_TOO_LARGE".to_owned())
    );
    for (encoding, named) in [
        ("br", "\"br\""),
        ("deflate", "\"deflate\""),
        ("zstd", "\"zstd\""),
        ("gzip, br", "br"),
        ("iso-8859-1", "iso-8859-1"),
    ] {
        let header = format!("content-encoding: {encoding}");
        let answer = world.send(line, &[&header], b"[]").await;
        assert_eq!(
            (answer.status, answer.reason()),
            (415, "UNSUPPORTED_ENCODING".to_owned())
        );
        assert!(
            answer.text.contains(&named.replace('"', "\\\"")),
            "{}",
            answer.text
        );
    }
    let whole = gzip(b"[\"4155550123\"]");
    for broken in [&b"[]"[..], &whole[..whole.len() - 3]] {
        let answer = world.send(line, &[gz], broken).await;
        assert_eq!(
            (answer.status, answer.reason()),
            (400, "INVALID_ENCODING".to_owned())
        );
    }
    assert!(world.notes.batches.lock().unwrap().is_empty());
    assert!(world.dids.reports.lock().unwrap().is_empty());
}
