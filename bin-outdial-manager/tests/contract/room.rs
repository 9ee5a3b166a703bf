//! What one customer may store: outdials, targets, and bytes a second.

use bin_common_handler::{
    models::sock::Method::{Delete, Post},
    testing::{Client, Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::world::{World, refused, tel, text};

const MINE: Uuid = Uuid::from_u128(0x1111);
const FOREIGN: Uuid = Uuid::from_u128(0x2222);
const OUTDIALS: &str = "/v1/outdials";

async fn outdial(client: &Client) -> String {
    let made = client.ok(Post, OUTDIALS, Some(json!({}))).await;
    format!("{OUTDIALS}/{}", text(&made, "id"))
}

fn targets(count: usize) -> Option<Json> {
    let rows = (0..count).map(|n| json!({"destination_0": tel(n)}));
    Some(Json::Array(rows.collect()))
}

/// Repeats what is refused until a count has seen the room.
async fn fits(client: &Client, uri: &str, body: Option<Json>) {
    until("there is room", async || {
        let (status, _) = client.call(Post, uri, body.clone()).await;
        (status == 200).then_some(())
    })
    .await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn outdials_up_to_the_limit_for_each_customer(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, &[("OUTDIALS_PER_CUSTOMER", "2")]).await;
    let mine = world.client.within(MINE);
    outdial(&mine).await;
    let second = outdial(&mine).await;
    // A trusted peer meets the limit, too: rows belong to a customer whoever makes them.
    for (client, body) in [
        (&mine, json!({})),
        (&world.client, json!({"customer_id": MINE})),
    ] {
        let refusal = refused(client, Post, OUTDIALS, Some(body)).await;
        assert_eq!(refusal, (409, "TOO_MANY_OUTDIALS".to_owned()));
    }
    let (_, told) = mine.call(Post, OUTDIALS, Some(json!({}))).await;
    assert_eq!(told["status"], "FAILED_PRECONDITION");
    assert!(text(&told, "message").contains("OUTDIALS_PER_CUSTOMER"));
    outdial(&world.client.within(FOREIGN)).await;
    mine.ok(Delete, &second, None).await;
    fits(&mine, OUTDIALS, Some(json!({}))).await;
    for _ in 0..3 {
        // Nobody's are not limited.
        outdial(&world.client).await;
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn targets_up_to_the_limit_and_a_batch_all_or_nothing(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, &[("TARGETS_PER_CUSTOMER", "5")]).await;
    let mine = world.client.within(MINE);
    let (one, other) = (outdial(&mine).await, outdial(&mine).await);
    let single = Some(json!({"destination_0": tel(1)}));
    let bulk = |outdial: &str| format!("{outdial}/targets/bulk");
    mine.ok(Post, &bulk(&one), targets(3)).await;
    let full = (409, "TOO_MANY_TARGETS".to_owned());
    for count in [3, 4, 1_000] {
        let refusal = refused(&mine, Post, &bulk(&other), targets(count)).await;
        assert_eq!(refusal, full, "{count}");
    }
    mine.ok(Post, &bulk(&other), targets(1)).await;
    let made = mine
        .ok(Post, &format!("{other}/targets"), single.clone())
        .await;
    for (uri, body) in [
        (format!("{one}/targets"), single.clone()),
        (bulk(&one), targets(1)),
    ] {
        assert_eq!(refused(&mine, Post, &uri, body).await, full);
    }
    mine.ok(Post, &bulk(&one), targets(0)).await;
    let theirs = world.client.within(FOREIGN);
    let foreign = outdial(&theirs).await;
    theirs.ok(Post, &bulk(&foreign), targets(5)).await;
    let target = format!("/v1/outdialtargets/{}", text(&made, "id"));
    mine.ok(Delete, &target, None).await;
    fits(&mine, &format!("{one}/targets"), single).await;
    mine.ok(Delete, &one, None).await;
    fits(&mine, &bulk(&other), targets(4)).await;
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_limit_where_it_is_zero(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let settings = [
        ("OUTDIALS_PER_CUSTOMER", "0"),
        ("TARGETS_PER_CUSTOMER", "0"),
        ("STORE_MIB_PER_SECOND", "0"),
    ];
    let world = World::with(kind, &settings).await;
    let mine = world.client.within(MINE);
    let one = outdial(&mine).await;
    mine.ok(Post, &format!("{one}/targets/bulk"), targets(20))
        .await;
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn bytes_a_second_for_those_with_a_scope(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let settings = [("STORE_MIB_PER_SECOND", "1"), ("STORE_MIB_BURST", "1")];
    let world = World::with(kind, &settings).await;
    let mine = world.client.within(MINE);
    let large = Some(json!({"detail": "x".repeat(900 * 1024)}));
    let mut reasons = Vec::new();
    for _ in 0..10 {
        reasons.push(refused(&mine, Post, OUTDIALS, large.clone()).await);
    }
    assert_eq!(reasons.first().unwrap().0, 400);
    assert!(
        reasons.contains(&(429, "TOO_MANY_BYTES".to_owned())),
        "{reasons:?}"
    );
    for _ in 0..10 {
        let (status, _) = refused(&world.client, Post, OUTDIALS, large.clone()).await;
        assert_eq!(status, 400);
    }
    world.end().await;
}
