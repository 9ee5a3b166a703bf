//! Templates: one for each name, with the placeholders that are known.

use bin_common_handler::{
    models::sock::Method::{self, Delete, Get, Post, Put},
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
#[case("/v1/resources", json!({"name": "van"}))]
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

/// What is asked, or told of a person: the operator's own customer is none, so nothing would be found and nobody obeyed.
#[rstest]
#[case::lookup(Get, "/v1/optouts/lookup?number=%2B14155550123", None)]
#[case::opt_out(Post, "/v1/optouts", Some(json!({"number": "+14155550123"})))]
#[case::decision(Post, "/v1/optouts/decide", Some(json!({"number": "+14155550123", "opted_out": true})))]
#[case::question(Post, "/v1/optouts/ask", Some(json!({"number": "+14155550123"})))]
#[case::presence(Put, "/v1/presence",
    Some(json!({"user_id": Uuid::from_u128(1), "device": "desk", "status": "online"})))]
#[case::search(Get, "/v1/conversations/search?query=water", None)]
#[case::match_(Post, "/v1/catalog_items/match", Some(json!({"text": "drain"})))]
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_in_nobodys_name_is_refused(
    #[case] method: Method,
    #[case] uri: &str,
    #[case] body: Option<Json>,
) {
    let world = World::new(Kind::Embedded).await;
    let operator = world.installation.client();
    let refused = operator.call(method, uri, body.clone()).await;
    assert_eq!(reason(&refused), (400, "CUSTOMER_REQUIRED"));
    for list in ["/v1/optouts", "/v1/presences"] {
        assert_eq!(operator.ok(Get, list, None).await, json!([]));
    }
    // A key of a customer names none.
    let (status, reply) = world.client.call(method, uri, body).await;
    assert_ne!(text(&reply, "reason"), "CUSTOMER_REQUIRED", "{status}");
    world.end().await;
}
