//! tags-manager through its queue, on the embedded default.

use std::time::Duration;

use bin_common_handler::{
    clock::Clock,
    models::sock::Method::{Get, Post},
    testing::{Installation, Kind, until},
};
use serde_json::json;
use tags_manager::MANAGER;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_kept_until_it_expires() {
    let mut installation = Installation::new(Kind::Embedded, MANAGER, &[]).await;
    let replica = installation.start().await;
    let client = installation.client().within(Uuid::from_u128(7));
    let soon = Clock::default().now().plus(Duration::from_millis(300));
    let body = json!({"label": "spring", "expires_at": soon});
    let made = client.ok(Post, "/v1/tags", Some(body)).await;
    assert_eq!(made["label"], "spring");
    let uri = format!("/v1/tags/{}", made["id"].as_str().unwrap());
    until("it expired", async || {
        let tag = client.ok(Get, &uri, None).await;
        (!tag["tm_delete"].is_null()).then_some(())
    })
    .await;
    replica.stop().await.unwrap();
    installation.remove().await;
}
