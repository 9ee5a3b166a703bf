//! Files of numbers, as they really come.

use std::fmt::Write as _;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    client::{Answer, KEY, call, raw, read},
    world::{World, start},
};

const LINE: &str = "POST /api/v1/dids/bulk";

fn form(name: &str, file: &str) -> String {
    format!(
        "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         content-type: application/octet-stream\r\n\r\n{file}\r\n--x--\r\n"
    )
}

impl World {
    async fn upload(&self, name: &str, file: &str) -> Answer {
        let kind = "content-type: multipart/form-data; boundary=x";
        call(self.at, LINE, &[kind], &form(name, file)).await
    }

    fn batch_sizes(&self) -> Vec<usize> {
        let batches = self.dids.batches.lock().unwrap();
        batches.iter().map(|(rows, _)| *rows).collect()
    }
}

fn counts(created: usize, duplicates: usize, errors: Value) -> Value {
    let count = errors.as_array().unwrap().len();
    json!({
        "success": true,
        "message": format!("{created} created, {duplicates} duplicates, 0 skipped, {count} errors"),
        "data": { "created": created, "skipped": 0, "duplicates": duplicates, "errors": errors },
    })
}

#[rstest]
#[case("list.csv", "cid\n4155550123\n4155550124\n")]
#[case("list.csv", "\u{feff}cid\r\n4155550123\r\n\r\n4155550124")]
#[case("list.csv", "name,cid\n\"Ann, Bob\",4155550123\n,4155550124\n")]
#[case("list.csv", "4155550123\n4155550124\n")]
#[case("list.txt", "cid;name\n4155550123;\"a\n;b\"\n4155550124;\n")]
#[case("list.json", r#"["4155550123","4155550124"]"#)]
#[case("list.json", r#"{"dids":[{"cid":"4155550123"},{"cid":"4155550124"}]}"#)]
#[tokio::test]
async fn a_small_file_has_one_batch_and_one_summary(#[case] name: &str, #[case] file: &str) {
    let world = start().await;
    let answer = world.upload(name, file).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, counts(2, 0, json!([])))
    );
    assert_eq!(world.batch_sizes(), [2]);
    let again = call(world.at, LINE, &["content-type: text/plain"], file).await;
    assert_eq!((again.status, again.json()), (200, counts(0, 2, json!([]))));
}

#[tokio::test]
async fn columns_that_are_ignored_and_rows_that_are_none_are_told() {
    let world = start().await;
    let file = "cid,Colour\n4155550123,red\n4155550124,a,b\n";
    let answer = world.upload("list.csv", file).await;
    let expected = json!({
        "success": true,
        "message": "1 created, 0 duplicates, 0 skipped, 1 errors; ignored columns: Colour",
        "data": {
            "created": 1, "skipped": 0, "duplicates": 0, "ignored": ["Colour"],
            "errors": ["Row 3: has 3 cells, but the header has 2"],
        },
    });
    assert_eq!((answer.status, answer.json()), (200, expected));
}

#[tokio::test]
async fn the_real_file_of_84_325_rows_goes_through() {
    let world = start().await;
    let mut file = "cid\r\n".to_owned();
    for row in 0..84_325_u64 {
        write!(file, "{}\r\n", 4_150_000_000 + row * 10 % 5_929).unwrap();
    }
    let line = format!("{LINE}?pool=a%20b");
    let kind = "content-type: multipart/form-data; boundary=x";
    let answer = call(world.at, &line, &[kind], &form("numbers.csv", &file)).await;
    let expected = counts(5_929, 84_325 - 5_929, json!([]));
    assert_eq!((answer.status, answer.json()), (200, expected));
    let batches = world.dids.batches.lock().unwrap();
    assert_eq!(batches.len(), 85);
    assert!(
        batches
            .iter()
            .all(|(rows, query)| *rows <= 1_000 && query == &json!({"pool": "a b"}))
    );
}

#[tokio::test]
async fn errors_are_named_by_the_row_that_a_spreadsheet_shows() {
    let world = start().await;
    let mut file = "cid\n\nbad\n".to_owned();
    for row in 0..1_500 {
        writeln!(file, "{}", 4_155_550_000_u64 + row).unwrap();
    }
    file.push_str("bad\n");
    let answer = world.upload("list.csv", &file).await;
    let errors = json!(["Row 3: no number", "Row 1504: no number"]);
    assert_eq!(
        (answer.status, answer.json()),
        (200, counts(1_500, 0, errors))
    );
    let array = json!(["bad", "4155550123", "bad"]).to_string();
    let answer = world.upload("list.json", &array).await;
    let errors = json!(["Row 1: no number", "Row 3: no number"]);
    assert_eq!((answer.status, answer.json()), (200, counts(0, 1, errors)));
}

#[tokio::test]
async fn a_stop_midway_says_from_where_to_go_on() {
    let world = start().await;
    let rows = |from: u64, to: u64| -> String {
        (from..to)
            .map(|row| format!("{}\n", 4_155_550_000 + row))
            .collect()
    };
    let file = format!("cid\n{}away\n{}", rows(0, 1_200), rows(1_200, 3_000));
    let answer = world.upload("list.csv", &file).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["success"]), (207, &json!(false)));
    assert_eq!(body["data"]["created"], 1_000);
    let message = "Stopped at row 1002: The database is not available now; try again.";
    assert_eq!(body["message"], message);
    assert_eq!(world.batch_sizes(), [1_000], "nothing more is sent");
    let open_quote = format!("cid\n{}\"4155559999\n", rows(0, 2_500));
    let answer = world.upload("list.csv", &open_quote).await;
    let body = answer.json();
    let errors = json!(["Row 2502: opens a quote that is never closed"]);
    assert_eq!(body["data"]["errors"], errors);
    assert_eq!(body["data"]["created"], 1_500);
}

#[rstest]
#[case("cid\naway\n", 503, "DATABASE_UNAVAILABLE")]
#[case("cid\nrefuse\n", 400, "INVALID_ROWS")]
#[case("", 400, "INVALID_BODY")]
#[case("cid,cid\n4155550123,1\n", 400, "INVALID_COLUMNS")]
#[case("name,cid,number\nx,4155550123,4155550124\n", 400, "INVALID_COLUMNS")]
#[case("a,4155550503,2125550504\n", 400, "INVALID_COLUMNS")]
#[tokio::test]
async fn what_fails_before_anything_is_done_is_the_answer(
    #[case] file: &str,
    #[case] status: u16,
    #[case] reason: &str,
) {
    let world = start().await;
    let answer = world.upload("list.csv", file).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (status, reason.to_owned())
    );
}

#[tokio::test]
async fn a_refused_batch_of_many_is_told_row_by_row() {
    let world = start().await;
    let mut file = "cid\nrefuse\n".to_owned();
    for row in 0..1_500 {
        writeln!(file, "{}", 4_155_550_000_u64 + row).unwrap();
    }
    let answer = world.upload("list.csv", &file).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["success"]), (207, &json!(true)));
    assert_eq!(body["data"]["errors"], json!(["Row 2: A row is wrong."]));
    assert_eq!(body["data"]["created"], 501);
}

#[tokio::test]
async fn more_than_32_mib_is_refused_however_it_is_sent() {
    let world = start().await;
    let head = |length: &str| {
        format!(
            "{LINE} HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\nconnection: close\r\n\
             content-type: multipart/form-data; boundary=x\r\n{length}\r\n\r\n"
        )
    };
    let announced = format!("content-length: {}", 32 * 1024 * 1024 + 1);
    let answer = raw(world.at, &head(&announced)).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (413, "REQUEST_TOO_LARGE".to_owned())
    );
    // A part that is not the file counts, too.
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    let part = "--x\r\ncontent-disposition: form-data; name=\"other\"\r\n\r\n";
    let start = format!(
        "{}{:x}\r\n{part}\r\n",
        head("transfer-encoding: chunked"),
        part.len()
    );
    stream.write_all(start.as_bytes()).await.unwrap();
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
    for _ in 0..33 {
        // It may be answered, and the connection closed, before the last.
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let answer = read(stream).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (413, "REQUEST_TOO_LARGE".to_owned())
    );
}

/// Who is answered before its body was read still hears the answer: the connection is not reset under it.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_who_is_still_sending() {
    let world = start().await;
    let body = vec![b' '; 4 * 1024 * 1024];
    for attempt in 0..20 {
        let mut stream = TcpStream::connect(world.at).await.unwrap();
        let head = format!(
            "{LINE} HTTP/1.1\r\nhost: b\r\nx-api-key: wrong\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        assert_eq!(read(stream).await.status, 401, "attempt {attempt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_may_end_anywhere() {
    let world = start().await;
    let file =
        "\u{feff}cid,name\r\n4155550123,\"é, \"\"b\"\"\r\n\"\r\n\r\n4155550124,x\r\nbad,y\r\n";
    let body = form("list.csv", file).into_bytes();
    let ends = vec(0..body.len(), 0..8);
    let errors = json!(["Row 5: no number"]);
    let runtime = tokio::runtime::Handle::current();
    let mut runner = TestRunner::new(Config::with_cases(64));
    let run = || {
        runner.run(&ends, |ends| {
            world.dids.numbers.lock().unwrap().clear();
            let answer = runtime.block_on(in_chunks(&world, &body, ends));
            prop_assert_eq!(
                (answer.status, answer.json()),
                (200, counts(2, 0, errors.clone()))
            );
            Ok(())
        })
    };
    tokio::task::block_in_place(run).unwrap();
}

/// Sends a body in chunks of its own that end where it is said.
async fn in_chunks(world: &World, body: &[u8], mut ends: Vec<usize>) -> Answer {
    ends.push(body.len());
    ends.sort_unstable();
    ends.dedup();
    let head = format!(
        "{LINE} HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\nconnection: close\r\n\
         content-type: multipart/form-data; boundary=x\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = 0;
    for end in ends.into_iter().filter(|end| *end > 0) {
        let chunk = &body[start..end];
        let size = format!("{:x}\r\n", chunk.len());
        let framed = [size.as_bytes(), chunk, b"\r\n"].concat();
        stream.write_all(&framed).await.unwrap();
        start = end;
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    read(stream).await
}
