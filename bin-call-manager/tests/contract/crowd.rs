//! Many at once: one winner, one hold, and no limit overrun.

use bin_common_handler::testing::Kind;
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;

use crate::world::{World, reason};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_routes_of_one_call_have_one_winner(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(100_000, json!({})).await;
    world.profile(&buyer, &campaign, 100, json!({})).await;
    let call = world.call(&campaign).await;
    let replies = join_all((0..100).map(|_| world.route(&call))).await;
    let won = replies.iter().filter(|reply| reply.0 == 200).count();
    let lost = replies
        .iter()
        .filter(|reply| reason(reply) == (409, "CALL_ALREADY_ROUTED"))
        .count();
    assert_eq!((won, lost), (1, 99), "{replies:?}");
    assert_eq!(world.money(&buyer).await, (100_000, 100));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_cap_budget_or_credit_is_overrun_by_a_crowd(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let campaign = world
        .campaign(json!({"fraud": {"calls_per_caller_hour": null}}))
        .await;
    let capped = world.buyer(100_000, json!({"concurrency_cap": 7})).await;
    let poor = world.buyer(1_000, json!({"credit_limit": 50})).await;
    world.profile(&capped, &campaign, 300, json!({})).await;
    world.profile(&poor, &campaign, 200, json!({})).await;
    let mut calls = Vec::new();
    for _ in 0..30 {
        calls.push(world.call(&campaign).await);
    }
    let replies = join_all(calls.iter().map(|call| world.route(call))).await;
    let won = replies.iter().filter(|reply| reply.0 == 200).count();
    assert_eq!(won, 7 + 5, "{replies:?}");
    assert_eq!(world.money(&capped).await, (100_000, 2_100));
    assert_eq!(world.money(&poor).await, (1_000, 1_000));
    world.end().await;
}
