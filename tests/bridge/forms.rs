//! Answers as a route's older callers read them, in the time that they have.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;

use super::{
    client::{call, send},
    world::start,
};

const NEXT: &str = "GET /v1/dids/next";
/// Rounds that a busy machine is given, which may hold up any answer.
const ROUNDS: usize = 5;

#[tokio::test]
async fn a_refusal_of_the_manager_is_flat_and_keeps_its_status() {
    let world = start().await;
    let line = format!("{NEXT}?campaign_id=empty");
    let answer = call(world.at, &line, &[], "").await;
    let expected = json!({
        "success": false,
        "error": "no_did_available",
        "message": "No number may be used now.",
        "reason": "daily_cap",
    });
    assert_eq!((answer.status, answer.json()), (503, expected));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("retry-after").is_some());
}

#[rstest]
#[case(&[], "API key required")]
#[case(&["x-api-key: did_1"], "Invalid API key")]
#[tokio::test]
async fn a_refusal_of_the_bridge_is_flat_too(#[case] headers: &[&str], #[case] message: &str) {
    let world = start().await;
    let answer = send(world.at, NEXT, headers, "").await;
    let body = answer.json();
    assert_eq!((answer.status, &body["message"]), (401, &json!(message)));
    assert_eq!(body["success"], json!(false));
    let text = send(world.at, &format!("{NEXT}?format=text"), headers, "").await;
    assert_eq!((text.status, text.text.as_str()), (401, message));
}

#[rstest]
#[case("?format=text&a=1", &[])]
#[case("?a=1", &["accept: text/plain"])]
#[tokio::test]
async fn text_is_the_number_alone(#[case] query: &str, #[case] headers: &[&str]) {
    let world = start().await;
    let answer = call(world.at, &format!("{NEXT}{query}"), headers, "").await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "+14155550123"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    let line = format!("{NEXT}{query}&campaign_id=empty");
    let empty = call(world.at, &line, headers, "").await;
    assert_eq!(
        (empty.status, empty.text.as_str()),
        (503, "No number may be used now.")
    );
    assert!(empty.header("retry-after").is_some());
}

#[rstest]
#[case("?format=csv", &["accept: */*"], json!({ "format": "csv" }))]
#[case("?a=1&format=text2", &["accept: application/json, text/plain, */*"], json!({ "a": "1", "format": "text2" }))]
#[tokio::test]
async fn anything_else_is_json_and_reaches_the_manager(
    #[case] query: &str,
    #[case] headers: &[&str],
    #[case] arrives: serde_json::Value,
) {
    let world = start().await;
    let answer = call(world.at, &format!("{NEXT}{query}"), headers, "").await;
    assert_eq!((answer.status, &answer.json()["query"]), (200, &arrives));
    let elsewhere = call(
        world.at,
        "GET /v1/dids?format=text",
        &["accept: text/plain"],
        "",
    )
    .await;
    assert_eq!(elsewhere.json()["query"], json!({ "format": "text" }));
}

#[tokio::test]
async fn a_route_with_little_patience_answers_in_time() {
    let world = start().await;
    let line = format!("{NEXT}?campaign_id=slow");
    for round in 1..=ROUNDS {
        let started = Instant::now();
        let answer = call(world.at, &line, &[], "").await;
        let took = started.elapsed();
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (503, &json!("request_timeout"))
        );
        assert!(took >= Duration::from_millis(850), "{took:?}");
        if took < Duration::from_secs(1) {
            break;
        }
        assert!(round < ROUNDS, "{took:?}");
    }
    let answer = call(world.at, "GET /v1/dids/late", &[], "").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (503, "REQUEST_TIMEOUT".to_owned())
    );
}
