//! How many rows of each kind one customer may have.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post},
    testing::{Client, Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id_of, list, number, refused, text};

const DIDS: &str = "/v1/dids";

/// Repeats what is refused until a count has seen the room.
async fn fits(client: &Client, uri: &str, body: Json) {
    until("there is room", async || {
        let (status, _) = client.call(Post, uri, Some(body.clone())).await;
        (status == 200).then_some(())
    })
    .await;
}

fn did(n: usize) -> Json {
    json!({"number": number(415, n)})
}

fn dids(numbers: std::ops::Range<usize>) -> Json {
    Json::Array(numbers.map(did).collect())
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn numbers_up_to_the_limit_and_a_batch_all_or_nothing(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::set(kind, &[("DIDS_PER_CUSTOMER", "4")]).await;
    let bulk = "/v1/dids/bulk";
    let first = world.did(did(0)).await;
    let full = (409, "TOO_MANY_DIDS".to_owned());
    for rows in [1..5, 0..5, 1..900] {
        let refusal = refused(&world.client, Post, bulk, Some(dids(rows))).await;
        assert_eq!(refusal, full);
    }
    let seen = list(world.client.ok(Get, DIDS, None).await);
    assert_eq!(seen.len(), 1, "all or nothing");
    let report = world.client.ok(Post, bulk, Some(dids(0..4))).await;
    assert_eq!(
        (&report["created"], &report["duplicates"]),
        (&json!(3), &json!(1))
    );
    for client in [&world.client, &world.operator] {
        let mut row = did(7);
        row["customer_id"] = json!(world.customer_id);
        assert_eq!(refused(client, Post, DIDS, Some(row)).await, full);
    }
    // What is there already takes no room.
    world.client.ok(Post, bulk, Some(dids(0..4))).await;
    let (_, told) = world.client.call(Post, DIDS, Some(did(8))).await;
    assert_eq!(told["status"], "FAILED_PRECONDITION");
    assert!(text(&told, "message").contains("DIDS_PER_CUSTOMER"));
    let other = world
        .operator
        .ok(Post, "/v1/customers", Some(json!({})))
        .await;
    let other = world.operator.within(id_of(&other));
    other.ok(Post, bulk, Some(dids(0..4))).await;
    let uri = format!("{DIDS}/{}", text(&first, "id"));
    world.client.ok(Delete, &uri, None).await;
    fits(&world.client, DIDS, did(9)).await;
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn other_rows_up_to_the_limit_of_each_kind(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::set(kind, &[("ENTITIES_PER_CUSTOMER", "2")]).await;
    for (uri, reason) in [
        ("/v1/didpools", "TOO_MANY_DIDPOOLS"),
        ("/v1/campaigns", "TOO_MANY_CAMPAIGNS"),
        ("/v1/rotation_rules", "TOO_MANY_ROTATION_RULES"),
        ("/v1/users", "TOO_MANY_USERS"),
        ("/v1/accesskeys", "TOO_MANY_ACCESSKEYS"),
    ] {
        let body = |n: usize| match uri {
            "/v1/users" => {
                json!({"email": format!("u{n}@example.com"), "name": "u", "role": "viewer"})
            }
            "/v1/campaigns" => json!({"name": "c", "vicidial_campaign_id": format!("C{n}")}),
            "/v1/accesskeys" => json!({"name": "k", "scopes": ["did:read"]}),
            _ => json!({"name": format!("r{n}")}),
        };
        let made = world.client.ok(Post, uri, Some(body(1))).await;
        world.client.ok(Post, uri, Some(body(2))).await;
        let refusal = refused(&world.client, Post, uri, Some(body(3))).await;
        assert_eq!(refusal, (409, reason.to_owned()), "{uri}");
        let uri_of_one = format!("{uri}/{}", text(&made, "id"));
        world.client.ok(Delete, &uri_of_one, None).await;
        fits(&world.client, uri, body(3)).await;
    }
    world.end().await;
}
