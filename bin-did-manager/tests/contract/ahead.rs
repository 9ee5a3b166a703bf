//! A clock that was far ahead for a while: what it left is told, and set right when somebody says so.

use std::time::Duration;

use bin_common_handler::{
    databasehandler::ahead::{find, repair},
    health::State,
    models::time::Timestamp,
    testing::{Kind, until},
};
use bin_did_manager::MANAGER;
use rstest::rstest;
use serde_json::json;

use crate::{
    given::now,
    next::next,
    world::{World, number},
};

const YEAR_AND_MORE: i64 = 400 * 86_400_000_000;

/// What one call left that was made while the clock was wrong.
async fn leave(world: &World) {
    let micros = now().micros() + YEAR_AND_MORE;
    let time = Timestamp::from_micros(micros);
    for (sql, values) in [
        (
            "UPDATE did_states SET last_used = ?, day_start = ?, hour_start = ?",
            vec![micros.into(), micros.into(), micros.into()],
        ),
        (
            "UPDATE did_dids SET status = 'warming', tm_status = ?, until = ?",
            vec![time.into(), time.into()],
        ),
        (
            "UPDATE did_usages SET tm_create = ?, request_until = ?",
            vec![time.into(), micros.into()],
        ),
        ("UPDATE did_watermarks SET tm_create = ?", vec![time.into()]),
        ("UPDATE did_inbox SET tm_expire = ?", vec![micros.into()]),
    ] {
        assert!(world.sql(sql, values).await > 0, "{sql}");
    }
}

#[rstest]
#[tokio::test]
async fn what_a_wrong_clock_left_is_told_and_can_be_set_right(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, json!({"did_cooldown_seconds": 1})).await;
    world.did(json!({"number": number(415, 1)})).await;
    let ask = "customer_phone=4155550123&uniqueid=1.1";
    assert_eq!(next(&world.client, ask).await.0, 200);
    leave(&world).await;
    let db = world.installation.db();
    let ahead = async || {
        let found = find(&db, MANAGER.prefix(), MANAGER.times, now(), false).await;
        let columns = found.unwrap().into_iter().map(|it| it.column);
        columns.collect::<Vec<_>>()
    };
    let mut found = ahead().await;
    found.sort_unstable();
    let expected = [
        "day_start",
        "hour_start",
        "last_used",
        "tm_create",
        "tm_create",
        "tm_expire",
        "tm_status",
    ];
    assert_eq!(found, expected);

    until("health tells", async || {
        let state = world.replicas[0].parts.health.report().remove("clock");
        matches!(state, Some(State::Reduced(_))).then_some(())
    })
    .await;
    assert!(world.replicas[0].parts.health.is_ready());
    // Whoever knew the number as free has read its counters by then.
    until("it rests", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (status, answer) = next(&world.client, "customer_phone=4155550124").await;
        (status == 503 && answer["details"][0]["reason"] == "cooling").then_some(())
    })
    .await;

    assert!(
        repair(&db, MANAGER.prefix(), MANAGER.times, now())
            .await
            .unwrap()
            >= 6
    );
    assert_eq!(ahead().await, [] as [&str; 0]);
    until("it is given again", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (status, _) = next(&world.client, "customer_phone=4155550125").await;
        (status == 200).then_some(())
    })
    .await;
    world.end().await;
}
