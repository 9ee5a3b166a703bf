//! A customer moves its day: every number is counted anew, and none gets its calls twice.

use bin_common_handler::{
    models::sock::Method::Put,
    testing::{Kind, spawn},
};
use rstest::rstest;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    given::{Given, now},
    next::next,
    world::{World, id_of, number, text},
};

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The time of day that it was so many minutes ago, in UTC.
fn minutes_ago(minutes: i64) -> String {
    let time = (now().micros() - minutes * MINUTE).rem_euclid(DAY) / MINUTE;
    format!("{:02}:{:02}", time / 60, time % 60)
}

async fn world(kind: Kind, daily_cap: i64, day_began: i64) -> World {
    let limits = json!({
        "timezone": "UTC", "day_start": minutes_ago(day_began),
        "did_daily_cap": daily_cap, "did_hourly_cap": 0, "did_cooldown_seconds": 0,
    });
    World::with(kind, limits).await
}

/// The customer's day begins as if it had begun so many minutes ago.
async fn begin_day(world: &World, minutes: i64) {
    let uri = format!("/v1/customers/{}", world.customer_id);
    let change = json!({"day_start": minutes_ago(minutes)});
    world.operator.ok(Put, &uri, Some(change)).await;
}

#[rstest]
#[tokio::test]
async fn a_new_beginning_of_the_day_gives_no_cap_again(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind, 2, 23 * 60).await;
    world.did(json!({"number": number(415, 1)})).await;
    for call in 1..=2 {
        let (status, answer) = next(&world.client, &format!("uniqueid=1.{call}")).await;
        assert_eq!(status, 200, "{answer}");
    }
    begin_day(&world, 5).await;
    let (status, answer) = next(&world.client, "uniqueid=1.3").await;
    assert_eq!(status, 503, "{answer}");
    assert_eq!(text(&answer["details"][0], "reason"), "daily_cap");
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn calls_count_in_the_day_that_they_are_in_now(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind, 2, 60).await;
    let did = world.did(json!({"number": number(415, 1)})).await;
    let (status, answer) = next(&world.client, "dry_run=true").await;
    assert_eq!(status, 200, "{answer}");
    let earlier = Given {
        at: now().minus(std::time::Duration::from_secs(2 * 3_600)),
        ..Given::new(world.customer_id, id_of(&did))
    };
    world.give_all(&[earlier.clone(), earlier]).await;

    begin_day(&world, 3 * 60).await;
    let (status, answer) = next(&world.client, "uniqueid=1.1").await;
    assert_eq!(status, 503, "two calls since the day began: {answer}");

    begin_day(&world, 90).await;
    let (status, answer) = next(&world.client, "uniqueid=1.1").await;
    assert_eq!(status, 200, "no call since the day began: {answer}");
    world.end().await;
}

/// The day moves to and fro between two times before the first call, under everybody's feet.
#[tokio::test(flavor = "multi_thread")]
async fn no_cap_is_overrun_while_the_day_moves() {
    const NUMBERS: usize = 3;
    const CAP: usize = 40;
    const CALLERS: usize = 12;
    let mut world = world(Kind::Full, CAP as i64, 60).await;
    world.join().await;
    world.fill(415, NUMBERS).await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let client = world.client.clone();
        callers.spawn(async move {
            let mut given = 0;
            loop {
                match next(&client, &format!("uniqueid={caller}.{given}")).await {
                    (200, _) => given += 1,
                    (503, answer) if answer["reason"] == "NO_DID_AVAILABLE" => return given,
                    (status, answer) => assert_eq!(status, 503, "{answer}"),
                }
            }
        });
    }
    let mover = spawn({
        let (operator, customer_id) = (world.operator.clone(), world.customer_id);
        async move {
            let uri = format!("/v1/customers/{customer_id}");
            for minutes in [120, 60].into_iter().cycle() {
                let change = json!({"day_start": minutes_ago(minutes)});
                operator.ok(Put, &uri, Some(change)).await;
            }
        }
    });
    let given: Vec<usize> = callers.join_all().await;
    mover.abort();
    assert_eq!(given.iter().sum::<usize>(), NUMBERS * CAP);
    world.end().await;
}
