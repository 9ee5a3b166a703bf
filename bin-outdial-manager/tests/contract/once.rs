//! Done once: the same idempotency key has one effect, and hears one answer.

use bin_common_handler::{
    models::sock::{
        Method::{self, Delete, Get, Post, Put},
        Request,
    },
    testing::{Client, Kind},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{World, get_target, list, put_status, target_uri, text};

async fn keyed(client: &Client, method: Method, uri: &str, body: Json, key: &str) -> (u16, Json) {
    client.call_keyed(method, uri, Some(body), Some(key)).await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_hears_the_same_reply_and_does_nothing(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let body = json!({"name": "n"});
    let first = keyed(&world.client, Post, "/v1/outdials", body.clone(), "k").await;
    assert_eq!(first.0, 200);
    let uri = format!("/v1/outdials/{}", text(&first.1, "id"));
    world
        .client
        .ok(Put, &uri, Some(json!({"name": "changed"})))
        .await;
    for _ in 0..3 {
        let again = keyed(&world.client, Post, "/v1/outdials", body.clone(), "k").await;
        assert_eq!(again, first, "as it was then");
    }
    assert_eq!(
        list(world.client.ok(Get, "/v1/outdials", None).await).len(),
        1
    );
    world.client.ok(Delete, &uri, None).await;
    let kinds = events.kinds(3).await;
    assert_eq!(
        kinds,
        ["outdial_created", "outdial_updated", "outdial_deleted"]
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_request(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let (_, made) = keyed(
        &world.client,
        Post,
        "/v1/outdials",
        json!({"name": "n"}),
        "k",
    )
    .await;
    for (method, uri, body) in [
        (Post, "/v1/outdials", json!({"name": "other"})),
        (Post, "/v1/outdials?x=1", json!({"name": "n"})),
        (Put, outdial.uri.as_str(), json!({"name": "n"})),
        (Delete, outdial.uri.as_str(), json!({"name": "n"})),
    ] {
        let (status, error) = keyed(&world.client, method, uri, body, "k").await;
        assert_eq!(
            (status, text(&error, "reason")),
            (409, "IDEMPOTENCY_KEY_REUSED"),
            "{method} {uri}"
        );
    }
    let again = keyed(
        &world.client,
        Post,
        "/v1/outdials",
        json!({"name": "n"}),
        "k",
    )
    .await;
    assert_eq!(again, (200, made), "the first use still stands");
    assert_eq!(
        list(world.client.ok(Get, "/v1/outdials", None).await).len(),
        2
    );
    world.end().await;
}

/// The same request from many tasks at once; its one answer.
async fn at_once(world: &World, method: Method, uri: &str, body: Json, key: &str) -> Json {
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        // Half through another channel: both replicas have some.
        let client = if n % 2 == 0 {
            world.client.clone()
        } else {
            world.installation.client()
        };
        let (uri, body, key) = (uri.to_owned(), body.clone(), key.to_owned());
        tasks.spawn(async move { keyed(&client, method, &uri, body, &key).await });
    }
    let replies = tasks.join_all().await;
    for reply in &replies {
        assert_eq!(reply, &replies[0], "{method} {uri}");
    }
    assert_eq!(replies[0].0, 200, "{}", replies[0].1);
    replies[0].1.clone()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_many_times_at_once_has_one_effect(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind, &[]).await;
    let events = world.client.events().await;
    let made = at_once(&world, Post, "/v1/outdials", json!({"name": "n"}), "1").await;
    let all = list(world.client.ok(Get, "/v1/outdials", None).await);
    assert_eq!(all, std::slice::from_ref(&made));

    let outdial = format!("/v1/outdials/{}", text(&made, "id"));
    let targets = format!("{outdial}/targets");
    let body = json!({"destination_0": crate::world::tel(0)});
    let target = at_once(&world, Post, &targets, body, "2").await;
    assert_eq!(
        list(world.client.ok(Get, &targets, None).await),
        std::slice::from_ref(&target)
    );
    let available = format!("{outdial}/available?try_count_0=1&limit=1");
    let handed = at_once(&world, Get, &available, json!({}), "3").await;
    assert_eq!(handed, json!([target]));

    let progressing = format!("{}/progressing", target_uri(&target));
    let body = json!({"destination_index": 0});
    let called = at_once(&world, Post, &progressing, body, "4").await;
    assert_eq!(called["try_count_0"], 1);
    assert_eq!(get_target(&world.client, &target).await, called);
    at_once(&world, Delete, &outdial, json!({}), "5").await;

    let kinds = events.kinds(4).await;
    assert_eq!(
        kinds,
        [
            "outdial_created",
            "outdialtarget_created",
            "outdialtarget_updated",
            "outdial_deleted"
        ]
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_considered_no_is_repeated_when_its_cause_is_gone(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    let uri = format!("{}/progressing", target_uri(&target));
    let body = json!({"destination_index": 0});
    put_status(&world.client, &target, "done").await;
    let refused = keyed(&world.client, Post, &uri, body.clone(), "k").await;
    assert_eq!(refused.0, 409);
    // The first is taken for the refused caller's.
    put_status(&world.client, &target, "idle").await;
    put_status(&world.client, &target, "idle").await;
    assert_eq!(
        keyed(&world.client, Post, &uri, body.clone(), "k").await,
        refused
    );
    assert_eq!(keyed(&world.client, Post, &uri, body, "k2").await.0, 200);

    world.client.ok(Delete, &outdial.uri, None).await;
    let change = json!({"name": "x"});
    let gone = keyed(&world.client, Put, &outdial.uri, change.clone(), "p").await;
    assert_eq!(gone.0, 404);
    world
        .sql("UPDATE outdial_outdials SET tm_delete = NULL", vec![])
        .await;
    assert_eq!(
        keyed(&world.client, Put, &outdial.uri, change.clone(), "p").await,
        gone
    );
    assert_eq!(
        keyed(&world.client, Put, &outdial.uri, change, "p2")
            .await
            .0,
        200
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_guards_refusal_is_repeated_and_noted_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let target = world.outdial().await.target().await;
    let uri = format!("{}/progressing", target_uri(&target));
    let body = json!({"destination_index": 0});
    let won = keyed(&world.client, Post, &uri, body.clone(), "winner").await;
    assert_eq!(won.0, 200);
    for _ in 0..3 {
        let refused = keyed(&world.client, Post, &uri, body.clone(), "loser").await;
        assert_eq!(refused.0, 409);
    }
    assert_eq!(put_status(&world.client, &target, "idle").await.1, won.1);
    let (_, freed) = put_status(&world.client, &target, "idle").await;
    assert_eq!(text(&freed, "status"), "idle", "one refusal, one idle");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_spends_no_key(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let bad = keyed(
        &world.client,
        Post,
        "/v1/outdials",
        json!({"name": {}}),
        "k",
    )
    .await;
    assert_eq!(bad.0, 400);
    let good = keyed(
        &world.client,
        Post,
        "/v1/outdials",
        json!({"name": "n"}),
        "k",
    )
    .await;
    assert_eq!(good.0, 200, "{}", good.1);
    for key in ["", &"x".repeat(256)] {
        let (status, error) = keyed(&world.client, Post, "/v1/outdials", json!({}), key).await;
        assert_eq!(
            (status, text(&error, "reason")),
            (400, "INVALID_IDEMPOTENCY_KEY")
        );
    }
    let longest = "x".repeat(255);
    assert_eq!(
        keyed(&world.client, Post, "/v1/outdials", json!({}), &longest)
            .await
            .0,
        200
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_its_tenants_own(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let tenants = [Uuid::from_u128(1), Uuid::from_u128(2)];
    let mut made = Vec::new();
    for tenant in tenants {
        let client = world.client.within(tenant);
        let first = keyed(&client, Post, "/v1/outdials", json!({}), "k").await;
        assert_eq!(
            (first.0, text(&first.1, "customer_id")),
            (200, tenant.to_string().as_str())
        );
        assert_eq!(
            keyed(&client, Post, "/v1/outdials", json!({}), "k").await,
            first
        );
        made.push(first);
    }
    let trusted = keyed(&world.client, Post, "/v1/outdials", json!({}), "k").await;
    assert_eq!(trusted.0, 200);
    let mut request = Request::new(Post, "/v1/outdials", "another-service")
        .json(&json!({}))
        .unwrap();
    request.idempotency_key = Some("k".to_owned());
    let other = world.client.send(&request).await.unwrap();
    let other: Json = serde_json::from_str(other.body()).unwrap();
    let all = list(world.client.ok(Get, "/v1/outdials", None).await);
    assert_eq!(all.len(), 4, "{other}");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_read_needs_no_memory(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let read = |key: &'static str| keyed(&world.client, Get, "/v1/outdials", json!({}), key);
    assert_eq!(read("k").await, (200, json!([])));
    let outdial = world.outdial().await;
    let now = world.client.ok(Get, &outdial.uri, None).await;
    assert_eq!(read("k").await, (200, json!([now])), "as it is now");
    world.end().await;
}
