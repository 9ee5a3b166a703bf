//! Downloads of many pages.

use super::{client::call, world::start};

#[tokio::test]
async fn pages_are_one_file() {
    let world = start().await;
    let answer = call(world.at, "GET /api/v1/dids/export?state=CA", &[], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/csv"));
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"dids.csv\"")
    );
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let parts = ["number\r\n", "+14155550123\r\n", "+14155550124\r\n"];
    let chunks = parts.map(|part| format!("{:X}\r\n{part}\r\n", part.len()));
    assert_eq!(answer.text, chunks.concat() + "0\r\n\r\n");
}

#[tokio::test]
async fn an_error_at_once_is_the_answer_and_a_later_one_cuts_the_file_off() {
    let world = start().await;
    let line = "GET /v1/dids/export?state=CA&fails=";
    let answer = call(world.at, &format!("{line}always"), &[], "").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (503, "DATABASE_UNAVAILABLE".to_owned())
    );
    assert_eq!(answer.header("content-disposition"), None);
    let answer = call(world.at, &format!("{line}later"), &[], "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("number"), "{}", answer.text);
    assert!(!answer.text.contains("0\r\n\r\n"), "{}", answer.text);
}
