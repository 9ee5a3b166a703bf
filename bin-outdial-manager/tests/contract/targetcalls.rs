//! Target calls: each attempt is written down, and closed when its target is no longer called.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, ids, is_wire_time, list, progress, put_status, target_uri, tel, text};

const ID: &str = "5b1a0000-0000-4000-8000-00000000000a";
const NIL: &str = "00000000-0000-0000-0000-000000000000";

async fn calls(world: &World, uri: &str) -> Vec<Json> {
    list(world.client.ok(Get, uri, None).await)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_says_who_was_called_where_and_for_whom(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let body = json!({"customer_id": ID, "campaign_id": ID});
    let outdial = world.client.ok(Post, "/v1/outdials", Some(body)).await;
    let outdial_uri = format!("/v1/outdials/{}", text(&outdial, "id"));
    let target = world
        .client
        .ok(
            Post,
            &format!("{outdial_uri}/targets"),
            Some(json!({"destination_0": tel(0), "destination_4": tel(4)})),
        )
        .await;
    let uri = format!("{}/calls", target_uri(&target));
    assert_eq!(world.client.ok(Get, &uri, None).await, json!([]));

    let (_, called) = progress(&world.client, &target, 4).await;
    let call = calls(&world, &uri).await.remove(0);
    let expected = json!({
        "id": call["id"], "customer_id": ID, "campaign_id": ID,
        "outdial_id": outdial["id"], "outdial_target_id": target["id"],
        "activeflow_id": NIL, "reference_type": "none", "reference_id": NIL,
        "status": "progressing", "destination": tel(4), "destination_index": 4, "try_count": 1,
        "tm_create": called["tm_update"], "tm_update": called["tm_update"], "tm_delete": null,
    });
    assert_eq!(call, expected);
    assert!(is_wire_time(&call["tm_create"]));
    assert_eq!(
        calls(&world, &format!("{outdial_uri}/targetcalls")).await,
        [call]
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_closed_with_any_other_status(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    for status in ["idle", "done"] {
        let target = outdial.target().await;
        let uri = format!("{}/calls", target_uri(&target));
        progress(&world.client, &target, 0).await;
        let (_, after) = put_status(&world.client, &target, status).await;
        let call = calls(&world, &uri).await.remove(0);
        assert_eq!(call["status"], "done", "{status}");
        assert_eq!(call["tm_update"], after["tm_update"]);
        assert_ne!(call["tm_create"], call["tm_update"]);
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_listed_newest_first_counted_and_filtered(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let (one, two) = (outdial.target().await, outdial.target().await);
    for target in [&one, &two, &one] {
        assert_eq!(progress(&world.client, target, 0).await.0, 200);
        if text(target, "id") == text(&one, "id") {
            put_status(&world.client, target, "idle").await;
        }
    }
    let uri = format!("{}/targetcalls", outdial.uri);
    let all = calls(&world, &uri).await;
    let tries: Vec<_> = all
        .iter()
        .map(|call| (call["outdial_target_id"].clone(), call["try_count"].clone()))
        .collect();
    assert_eq!(
        tries,
        [
            (one["id"].clone(), json!(2)),
            (two["id"].clone(), json!(1)),
            (one["id"].clone(), json!(1))
        ]
    );
    for (filter, expected) in [
        (json!({"status": "progressing"}), vec![&all[1]]),
        (
            json!({"outdial_target_id": one["id"]}),
            vec![&all[0], &all[2]],
        ),
        (json!({"deleted": true}), vec![]),
        (json!({"campaign_id": ID}), vec![]),
    ] {
        let found = list(world.client.ok(Get, &uri, Some(filter.clone())).await);
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
    let first = calls(&world, &format!("{uri}?page_size=1")).await;
    let token = text(&first[0], "tm_create");
    let rest = calls(&world, &format!("{uri}?page_size=5&page_token={token}")).await;
    assert_eq!(ids(&rest), ids(&all[1..]));

    let stats = world
        .client
        .ok(Get, &format!("{}/stats", outdial.uri), None)
        .await;
    assert_eq!(
        stats,
        json!({
            "outdial_id": outdial.id(),
            "targets": {"total": 2, "idle": 1, "progressing": 1, "done": 0},
            "attempts": {"total": 3, "progressing": 1, "done": 2},
        })
    );
    world.client.ok(Delete, &outdial.uri, None).await;
    assert_eq!(calls(&world, &uri).await, all, "history stays readable");
    world.end().await;
}
