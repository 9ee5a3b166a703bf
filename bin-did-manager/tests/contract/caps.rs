//! Numbers are given as often as their limits allow, each call counts once, and who gets none hears why.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bin_common_handler::{
    models::sock::Method::{Get, Post, Put},
    testing::{Kind, until},
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::{
    next::{free, given, next, refusal},
    world::{World, number, text},
};

#[rstest]
#[tokio::test]
async fn a_retry_gets_the_same_number_and_counts_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, free()).await;
    world.fill(415, 20).await;
    let call = "campaign_id=A&customer_phone=4155559876&uniqueid=1763.1";
    let same = "campaign_id=A&customer_phone=4155551111";
    for query in [call, same] {
        let all = join_all((0..10).map(|_| given(&world.client, query))).await;
        let again = given(&world.client, query).await;
        assert!(all.iter().all(|number| *number == again), "{all:?}");
    }
    let other = given(
        &world.client,
        "campaign_id=A&customer_phone=4155559876&uniqueid=1763.2",
    )
    .await;
    assert_ne!(other, given(&world.client, call).await, "another call");
    let all = world.client.ok(Get, "/v1/dids", None).await;
    let used: i64 = all
        .as_array()
        .unwrap()
        .iter()
        .map(|did| did["calls_total"].as_i64().unwrap())
        .sum();
    assert_eq!(used, 3);
    world.end().await;
}

#[rstest]
#[case::one(Kind::Embedded, 1)]
#[case::two(Kind::Full, 2)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_cap_is_overrun_by_many_callers(#[case] kind: Kind, #[case] replicas: usize) {
    let limits = json!({"did_daily_cap": 3, "did_hourly_cap": 0, "did_cooldown_seconds": 0});
    let mut world = World::with(kind, limits).await;
    for _ in 1..replicas {
        world.join().await;
    }
    world.fill(415, 50).await;
    let client = Arc::new(world.client.clone());
    let calls = (0..500).map(|n| {
        let client = Arc::clone(&client);
        async move {
            let query = format!("uniqueid=1.{n}&customer_phone=41555{n:05}");
            loop {
                let answer = next(&client, &query).await;
                // A slow machine sheds some of them: they come again, as they are told.
                if text(&answer.1, "reason") != "TOO_BUSY" {
                    break answer;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    });
    let answers = join_all(calls).await;
    let mut counts: HashMap<String, u32> = HashMap::new();
    for (status, answer) in &answers {
        match status {
            200 => {
                *counts
                    .entry(text(answer, "selected_did").to_owned())
                    .or_default() += 1
            }
            _ => assert_eq!(text(answer, "reason"), "NO_DID_AVAILABLE", "{answer}"),
        }
    }
    assert_eq!(counts.values().sum::<u32>(), 150);
    assert!(counts.values().all(|count| *count == 3), "{counts:?}");
    assert_eq!(
        refusal(&world.client, "customer_phone=2125550000").await,
        "daily_cap"
    );
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn why_there_is_none(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    assert_eq!(refusal(&world.client, "").await, "empty_pool");
    let did = world.did(json!({"number": number(415, 1)})).await;
    let uri = format!("/v1/dids/{}", text(&did, "id"));
    given(&world.client, "customer_phone=4155550001").await;
    assert_eq!(
        refusal(&world.client, "customer_phone=4155550002").await,
        "cooling"
    );
    let set = |body: Json| world.client.ok(Put, &uri, Some(body));
    set(json!({"cooldown_seconds": 0, "hourly_cap": 1})).await;
    assert_eq!(
        refusal(&world.client, "customer_phone=4155550003").await,
        "hourly_cap"
    );
    set(json!({"hourly_cap": 0, "daily_cap": 1})).await;
    assert_eq!(
        refusal(&world.client, "customer_phone=4155550004").await,
        "daily_cap"
    );
    set(json!({"daily_cap": 2})).await;
    given(&world.client, "customer_phone=4155550005").await;
    set(json!({"daily_cap": 0, "status": "inactive"})).await;
    assert_eq!(
        refusal(&world.client, "customer_phone=4155550006").await,
        "inactive"
    );
    set(json!({"status": "active"})).await;
    let closed = json!({"vicidial_campaign_id": "NIGHT", "hours": {"days": [], "from": "00:00", "to": "00:00"}});
    let campaign = world.client.ok(Post, "/v1/campaigns", Some(closed)).await;
    given(&world.client, "campaign_id=NIGHT&customer_phone=4155550007").await;
    let uri = format!("/v1/campaigns/{}", text(&campaign, "id"));
    let never = json!({"hours": [{"days": ["mon"], "from": "03:00", "to": "03:01"}], "timezone": "Pacific/Apia"});
    world.client.ok(Put, &uri, Some(never)).await;
    assert_eq!(
        refusal(&world.client, "campaign_id=NIGHT&customer_phone=4155550008").await,
        "closed_hours"
    );
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_change_rules_from_its_own_reply_on(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let mut world = World::with(kind, free()).await;
    if kind == Kind::Full {
        world.join().await;
    }
    let did = world.did(json!({"number": number(415, 1)})).await;
    let uri = format!("/v1/dids/{}", text(&did, "id"));
    for round in 0..10 {
        given(&world.client, &format!("uniqueid=a.{round}")).await;
        world
            .client
            .ok(Put, &uri, Some(json!({"status": "inactive"})))
            .await;
        for n in 0..4 {
            assert_eq!(
                refusal(&world.client, &format!("uniqueid=b.{round}.{n}")).await,
                "inactive"
            );
        }
        world
            .client
            .ok(Put, &uri, Some(json!({"status": "active"})))
            .await;
    }
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn an_exhausted_number_and_an_exhausted_pool_are_announced_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, json!({"did_daily_cap": 1})).await;
    let events = world.operator.events().await;
    world.fill(415, 3).await;
    for call in 0..6 {
        next(&world.client, &format!("uniqueid=1.{call}")).await;
    }
    let kinds = |kind: &str| {
        let heard = events.heard();
        heard
            .iter()
            .filter(|event| event.event.kind == kind)
            .count()
    };
    until("every event", async || {
        (kinds("did_exhausted") == 3 && kinds("pool_exhausted") == 1).then_some(())
    })
    .await;
    world.end().await;
}
