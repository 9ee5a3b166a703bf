//! An outdial and its targets, from the first request to the last, through the queue.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    testing::{Installation, Kind},
};
use bin_outdial_manager::MANAGER;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_made_handed_out_called_and_done(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let mut installation = Installation::new(kind, MANAGER, &[]).await;
    let replica = installation.start().await;
    let client = installation.client();
    let events = client.events().await;

    let outdial = client
        .ok(
            Post,
            "/v1/outdials",
            Some(json!({"name": "spring", "data": "d"})),
        )
        .await;
    assert_eq!(outdial["tm_update"], json!(null), "not changed yet");
    let uri = format!("/v1/outdials/{}", outdial["id"].as_str().unwrap());
    assert_eq!(client.ok(Get, &uri, None).await, outdial);

    let body =
        json!({"name": "Ann", "destination_0": {"type": "tel", "target": "+1 415 555 0123"}});
    let target = client.ok(Post, &format!("{uri}/targets"), Some(body)).await;
    assert_eq!(target["destination_0"]["target"], "+14155550123");
    assert_eq!(target["status"], "idle");

    let available = client
        .ok(Get, &format!("{uri}/available?try_count_0=1&limit=1"), None)
        .await;
    assert_eq!(available, json!([target]));
    let again = client
        .ok(Get, &format!("{uri}/available?try_count_0=1&limit=1"), None)
        .await;
    assert_eq!(again, json!([]), "a leased target is not handed out again");

    let target_uri = format!("/v1/outdialtargets/{}", target["id"].as_str().unwrap());
    let progressing = client
        .ok(
            Post,
            &format!("{target_uri}/progressing"),
            Some(json!({"destination_index": 0})),
        )
        .await;
    assert_eq!(progressing["status"], "progressing");
    assert_eq!(progressing["try_count_0"], 1);
    let calls = client.ok(Get, &format!("{target_uri}/calls"), None).await;
    assert_eq!(calls[0]["status"], "progressing");

    let done = client
        .ok(
            Put,
            &format!("{target_uri}/status"),
            Some(json!({"status": "done"})),
        )
        .await;
    assert_eq!(done["status"], "done");
    let calls = client.ok(Get, &format!("{uri}/targetcalls"), None).await;
    assert_eq!(calls[0]["status"], "done");

    let stats = client.ok(Get, &format!("{uri}/stats"), None).await;
    assert_eq!(stats["targets"]["done"], 1);
    let deleted = client.ok(Delete, &uri, None).await;
    assert_eq!(
        client.ok(Delete, &uri, None).await,
        deleted,
        "a second delete changes nothing"
    );

    let kinds = events.kinds(5).await;
    assert_eq!(
        kinds,
        [
            "outdial_created",
            "outdialtarget_created",
            "outdialtarget_updated",
            "outdialtarget_updated",
            "outdial_deleted"
        ]
    );
    replica.stop().await.unwrap();
    installation.remove().await;
}
