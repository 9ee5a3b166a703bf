//! How many outdials and targets there may be.

use bin_common_handler::{
    models::sock::Method::{Delete, Post},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::world::{World, tel, text};

const SMALL: &[(&str, &str)] = &[("OUTDIALS_PER_CUSTOMER", "3"), ("TARGETS_PER_OUTDIAL", "4")];

fn rows(count: usize) -> Json {
    (0..count)
        .map(|n| json!({"destination_0": tel(n)}))
        .collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_has_so_many_outdials(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with(kind, SMALL).await;
    let customer = |n: u128| json!({"customer_id": uuid::Uuid::from_u128(n)});
    let first = world
        .client
        .ok(Post, "/v1/outdials", Some(customer(1)))
        .await;
    for _ in 0..2 {
        world
            .client
            .ok(Post, "/v1/outdials", Some(customer(1)))
            .await;
    }
    let one_more = world.refused(Post, "/v1/outdials", Some(customer(1))).await;
    assert_eq!(one_more, (409, "TOO_MANY_OUTDIALS".to_owned()));
    world
        .client
        .ok(Post, "/v1/outdials", Some(customer(2)))
        .await;

    let uri = format!("/v1/outdials/{}", text(&first, "id"));
    world.client.ok(Delete, &uri, None).await;
    // The count by which it is refused is a second old at most.
    until("room for one more", async || {
        let (status, _) = world
            .client
            .call(Post, "/v1/outdials", Some(customer(1)))
            .await;
        (status == 200).then_some(())
    })
    .await;
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_outdial_has_so_many_targets(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with(kind, SMALL).await;
    let (full, other) = (world.outdial().await, world.outdial().await);
    let bulk = format!("{}/targets/bulk", full.uri);
    world.client.ok(Post, &bulk, Some(rows(3))).await;
    // All or nothing: two would cross the limit, and none is made.
    let crossing = world.refused(Post, &bulk, Some(rows(2))).await;
    assert_eq!(crossing, (409, "TOO_MANY_TARGETS".to_owned()));
    full.target().await;
    let uri = format!("{}/targets", full.uri);
    let one_more = world
        .refused(Post, &uri, Some(json!({"destination_0": tel(9)})))
        .await;
    assert_eq!(one_more, (409, "TOO_MANY_TARGETS".to_owned()));
    other.target().await;
    world.end().await;
}
