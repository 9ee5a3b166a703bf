//! Templates: one for each name, with the placeholders that are known.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::world::{World, id, reason, text};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_there_once_until_it_is_deleted(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let client = &world.client;
    let body = json!({"name": "greeting", "body": "Hello from {business_name}."});
    let made = client.ok(Post, "/v1/templates", Some(body.clone())).await;
    let uri = format!("/v1/templates/{}", id(&made));
    let again = client.call(Post, "/v1/templates", Some(body.clone())).await;
    assert_eq!(reason(&again), (409, "TEMPLATE_EXISTS"));

    let changed = json!({"body": "Hi {customer_name}"});
    let changed = client.ok(Put, &uri, Some(changed)).await;
    assert_eq!(text(&changed, "name"), "greeting");
    let wrong = client
        .call(Put, &uri, Some(json!({"body": "{price}"})))
        .await;
    assert_eq!(reason(&wrong), (400, "INVALID_FIELD"));
    let asking = json!({"body": "Reply YES to confirm or CANCEL to cancel"});
    let wrong = client.call(Put, &uri, Some(asking)).await;
    assert_eq!(reason(&wrong), (400, "INVALID_FIELD"));
    let kept = client.ok(Get, &uri, None).await;
    assert_eq!(text(&kept, "body"), "Hi {customer_name}");

    // Nobody's would be said to nobody.
    let nobody = world.installation.client();
    let refused = nobody.call(Post, "/v1/templates", Some(body.clone())).await;
    assert_eq!(reason(&refused), (400, "CUSTOMER_REQUIRED"));
    let mut named = body.clone();
    named["customer_id"] = json!(Uuid::from_u128(12));
    nobody.ok(Post, "/v1/templates", Some(named)).await;

    let stranger = world.installation.client().within(Uuid::from_u128(8));
    assert_eq!(stranger.call(Get, &uri, None).await.0, 404);
    stranger.ok(Post, "/v1/templates", Some(body.clone())).await;

    client.ok(Delete, &uri, None).await;
    client.ok(Post, "/v1/templates", Some(body)).await;
    world.end().await;
}

/// What people keep by hand: nobody's would do nothing.
#[rstest]
#[case("/v1/templates", json!({"name": "greeting", "body": "Hello."}))]
#[case("/v1/queues", json!({"name": "sales"}))]
#[case("/v1/agents", json!({"name": "Ann", "user_id": Uuid::from_u128(21)}))]
#[case("/v1/widgets", json!({"name": "shop"}))]
#[case("/v1/canned_responses", json!({"shortcut": "hi", "body": "Hello."}))]
#[tokio::test(flavor = "multi_thread")]
async fn what_names_no_customer_is_refused(#[case] uri: &str, #[case] body: Json) {
    let world = World::new(Kind::Embedded).await;
    let operator = world.installation.client();
    let refused = operator.call(Post, uri, Some(body.clone())).await;
    assert_eq!(reason(&refused), (400, "CUSTOMER_REQUIRED"));
    assert!(text(&refused.1, "message").contains("customer_id"));
    assert_eq!(operator.ok(Get, uri, None).await, json!([]));
    let mut named = body;
    named["customer_id"] = json!(Uuid::from_u128(12));
    operator.ok(Post, uri, Some(named)).await;
    world.end().await;
}
