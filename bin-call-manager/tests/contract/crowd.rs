//! Many at once: one winner, one hold, and no limit overrun.

use std::{collections::BTreeMap, time::Duration};

use bin_common_handler::{
    databasehandler::Value,
    ids,
    models::sock::Method::Post,
    testing::{Kind, until_within},
};
use futures_util::{StreamExt, future::join_all, stream};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::world::{World, reason};

/// Routes at the same time.
const IN_FLIGHT: usize = 32;
/// They share one row; beside other tests a call may wait long for its turn.
const PATIENCE: Duration = Duration::from_secs(120);
/// Nobody answers here: a call that waits for its buyer until then goes to the next, and takes another turn.
const RING_SECONDS: u32 = 300;

/// Many pending calls of a campaign, written at once: it is their routing that is tried.
async fn calls(world: &World, campaign: &str, count: usize) -> Vec<String> {
    let (db, campaign) = (world.installation.db(), campaign.parse::<Uuid>().unwrap());
    let mut made = Vec::with_capacity(count);
    let first = world.call(&campaign.to_string()).await;
    let first: Uuid = first.parse().unwrap();
    // Copies of the first in all but their ids.
    let columns = "customer_id, call_campaign_id, direction, from_number, to_number, purpose, status, seller_id, currency, \
        reason, tags, zip, state, source, destination, duration_seconds, hangup_cause, attempts, tm_create, tm_update";
    let sql = format!(
        "INSERT INTO exchange_calls (id, {columns}) SELECT ?, {columns} FROM exchange_calls WHERE id = ?"
    );
    let mut tx = db.begin().await.unwrap();
    for _ in 0..count {
        let id = ids::next();
        let values: Vec<Value> = vec![id.into(), first.into()];
        assert_eq!(tx.execute(&sql, values).await.unwrap(), 1);
        made.push(id.to_string());
    }
    tx.commit().await.unwrap();
    made
}

/// Who wins a call; asked for again as long as the answer is to come again: a busy machine's database has too few
/// connections for all tests at once.
async fn winner(world: &World, call: &str) -> String {
    until_within(PATIENCE, "the call is sold", async || {
        let (status, reply) = world.route(call).await;
        match status {
            200 => Some(reply["buyer_id"].to_string()),
            // An answer that said nothing about the outcome: it had been sold.
            409 => Some(reply["details"][0]["buyer_id"].to_string()),
            _ => {
                assert_eq!(status, 503, "{reply}");
                None
            }
        }
    })
    .await
}

/// Whether a buyer got the call; asked for again as by [`winner`]. The only other outcome is that nobody may have it.
async fn is_sold(world: &World, call: &str) -> bool {
    until_within(PATIENCE, "the call is decided", async || {
        let reply = world.route(call).await;
        match reason(&reply) {
            (200, _) | (409, "CALL_ALREADY_ROUTED") => Some(true),
            (409, "NO_BIDS_AVAILABLE") => Some(false),
            _ => {
                assert_eq!(reply.0, 503, "{}", reply.1);
                None
            }
        }
    })
    .await
}

/// How many of them are sold when all are routed at once.
async fn sold_at_once(world: &World, calls: &[String]) -> usize {
    let sold = join_all(calls.iter().map(|call| is_sold(world, call))).await;
    sold.into_iter().filter(|is_sold| *is_sold).count()
}

/// Routes them all, some at a time; how many each buyer won.
async fn wins(world: &World, calls: &[String]) -> BTreeMap<String, usize> {
    let mut winners = stream::iter(calls)
        .map(|call| winner(world, call))
        .buffer_unordered(IN_FLIGHT);
    let mut wins = BTreeMap::new();
    while let Some(buyer) = winners.next().await {
        *wins.entry(buyer).or_default() += 1;
    }
    wins
}

async fn rivals(world: &World, campaign: &str, weights: &[i32]) -> Vec<String> {
    let mut buyers = Vec::new();
    for weight in weights {
        let buyer = world
            .buyer(
                1_000_000_000,
                json!({"weight": weight, "cap_counts": "connect"}),
            )
            .await;
        world.profile(&buyer, campaign, 100, json!({})).await;
        buyers.push(json!(buyer).to_string());
    }
    buyers
}

/// One database takes the turns of a campaign, so the replicas of the full kind are the ones to be tried.
#[tokio::test(flavor = "multi_thread")]
async fn turns_of_600_concurrent_calls_over_two_replicas_differ_by_at_most_one() {
    let world = World::replicated(Kind::Full).await;
    let terms = json!({"strategy": "round_robin", "ring_seconds": RING_SECONDS});
    let campaign = world.campaign(terms).await;
    let buyers = rivals(&world, &campaign, &[1, 5, 2, 9, 1, 1, 1]).await;
    let wins = wins(&world, &calls(&world, &campaign, 600).await).await;
    assert_eq!(wins.len(), buyers.len());
    let (least, most) = (wins.values().min().unwrap(), wins.values().max().unwrap());
    assert!(most - least <= 1, "{wins:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_of_600_concurrent_calls_over_two_replicas_are_within_one_percent() {
    let world = World::replicated(Kind::Full).await;
    let terms = json!({"strategy": "weighted", "ring_seconds": RING_SECONDS});
    let campaign = world.campaign(terms).await;
    let weights = [1, 3, 6];
    let buyers = rivals(&world, &campaign, &weights).await;
    let wins = wins(&world, &calls(&world, &campaign, 600).await).await;
    for (buyer, weight) in buyers.iter().zip([60, 180, 360]) {
        let won = wins.get(buyer).copied().unwrap_or_default();
        assert!(usize::abs_diff(won, weight) <= 6, "{wins:?}");
    }
    world.end().await;
}

#[rstest]
#[case::hourly(json!({"hourly_cap": 11}), 11)]
#[case::daily_of_connects(json!({"daily_cap": 11, "cap_counts": "connect"}), 11)]
#[case::monthly_of_conversions(json!({"monthly_cap": 11, "cap_counts": "conversion"}), 11)]
#[case::in_all(json!({"total_cap": 11}), 11)]
#[case::at_once(json!({"concurrency_cap": 11}), 11)]
#[case::budget(json!({"daily_budget": 1_150}), 11)]
#[case::funds_and_credit(json!({"credit_limit": 1_150}), 40)]
#[tokio::test(flavor = "multi_thread")]
async fn no_limit_is_overrun_by_a_crowd_over_two_replicas(
    #[case] limit: Json,
    #[case] most: usize,
) {
    let world = World::replicated(Kind::Full).await;
    // In the middle of an hour: one that ends meanwhile would make room.
    let hour = 3_600_000_000;
    let begun = world.clock.now().micros().rem_euclid(hour);
    world.clock.shift((hour / 2 - begun).rem_euclid(hour));
    let terms = json!({"ring_seconds": RING_SECONDS});
    let campaign = world.campaign(terms).await;
    let money = if most == 40 { 2_850 } else { 100_000 };
    let buyer = world.buyer(money, limit).await;
    world.profile(&buyer, &campaign, 100, json!({})).await;
    let calls = calls(&world, &campaign, 60).await;
    assert_eq!(sold_at_once(&world, &calls).await, most);
    assert_eq!(world.money(&buyer).await, (money, 100 * most as i64));
    world.end().await;
}

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
    assert_eq!(sold_at_once(&world, &calls).await, 7 + 5);
    assert_eq!(world.money(&capped).await, (100_000, 2_100));
    assert_eq!(world.money(&poor).await, (1_000, 1_000));
    world.end().await;
}

/// Each report and refund moves money of the same two sides; the database rolls some of them back, which is no outage.
#[tokio::test(flavor = "multi_thread")]
async fn reports_and_refunds_of_the_same_accounts_at_once_all_pass() {
    let world = World::replicated(Kind::Full).await;
    let campaign = world.campaign(json!({"strategy": "round_robin"})).await;
    rivals(&world, &campaign, &[1, 1, 1]).await;
    let calls = calls(&world, &campaign, 40).await;
    for call in &calls {
        winner(&world, call).await;
        world.reports(call, &["ringing", "in_progress"]).await;
    }
    let (paid, open) = calls.split_at(20);
    for call in paid {
        world.reports(call, &["completed"]).await;
    }
    let refunds = join_all(paid.iter().map(|call| {
        let body = json!({"call_id": call, "amount": 40, "currency": "USD"});
        world.client.call(Post, "/v1/refunds", Some(body))
    }));
    let reports = join_all(open.iter().map(|call| {
        let body = json!({"status": "completed", "duration_seconds": 60});
        world.report(call, body)
    }));
    let (refunds, reports) = futures_util::future::join(refunds, reports).await;
    for (status, reply) in refunds.into_iter().chain(reports) {
        assert_eq!(status, 200, "{reply}");
    }
    world.end().await;
}
