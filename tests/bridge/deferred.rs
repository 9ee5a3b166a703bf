//! Requests that are worked on later. Inside one process "safe" means done.

use serde_json::json;

use super::{client::call, world::start};

const LINE: &str = "POST /v1/dids/report";

#[tokio::test]
async fn what_is_safe_is_accepted() {
    let world = start().await;
    let answer = call(world.at, LINE, &["x-request-id: 17.4"], r#"{"a":1}"#).await;
    let expected = json!({ "success": true, "message": "accepted", "request_id": "17.4" });
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(world.dids.reports.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_safe_is_not_accepted() {
    let world = start().await;
    let answer = call(world.at, LINE, &[], r#""away""#).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (503, "DATABASE_UNAVAILABLE".to_owned())
    );
    let answer = call(world.at, LINE, &[], r#""wrong""#).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (400, "INVALID_REPORT".to_owned())
    );
    let answer = call(world.at, LINE, &[], "{").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (400, "INVALID_BODY".to_owned())
    );
    assert!(world.dids.reports.lock().unwrap().is_empty());
}

#[tokio::test]
async fn each_request_is_an_operation_of_its_own_unless_its_key_says_otherwise() {
    let world = start().await;
    for headers in [
        &[][..],
        &[],
        &["idempotency-key: one"],
        &["idempotency-key: one"],
    ] {
        assert_eq!(call(world.at, LINE, headers, "{}").await.status, 200);
    }
    let mut operations = world.dids.reports.lock().unwrap().clone();
    assert_eq!(operations.len(), 4);
    assert_eq!(operations[2], operations[3]);
    operations.sort_unstable();
    operations.dedup();
    assert_eq!(operations.len(), 3);
}
