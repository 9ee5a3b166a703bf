//! Calls that nobody buys: they end after a day.

use std::time::Duration;

use bin_common_handler::{
    models::sock::Method::Post,
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id, reason, text};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const SECOND: Duration = Duration::from_secs(1);

async fn open(world: &World, call: &str) -> String {
    let body = json!({"call_id": call});
    id(&world.client.ok(Post, "/v1/auctions", Some(body)).await)
}

async fn explained(world: &World, call: &str) -> String {
    let said = world.get(&format!("calls/{call}"), "explanation").await;
    assert_eq!(said["winner"], Json::Null, "{said}");
    text(&said, "text").to_owned()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_buys_ends_after_a_day_and_says_so(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let terms = json!({"auction": {"window_ms": 600_000}});
    let campaign = world.campaign(terms).await;
    let (forgotten, unwanted, unauctioned) = (
        world.call(&campaign).await,
        world.call(&campaign).await,
        world.call(&campaign).await,
    );
    let nobody = world.route(&unwanted).await;
    assert_eq!(reason(&nobody), (409, "NO_BIDS_AVAILABLE"));
    let uri = format!("/v1/auctions/{}/close", open(&world, &unauctioned).await);
    assert_eq!(world.client.ok(Post, &uri, None).await["status"], "expired");
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 100, json!({})).await;
    let (sold, auctioned) = (world.call(&campaign).await, world.call(&campaign).await);
    assert_eq!(world.route(&sold).await.0, 200);
    open(&world, &auctioned).await;
    let status = async |call: &str| text(&world.get("calls", call).await, "status").to_owned();
    let events = world.client.events().await;

    let made = world.clock.now();
    world.sweep(made.plus(DAY).minus(60 * SECOND)).await;
    for call in [&forgotten, &unwanted, &unauctioned] {
        assert_eq!(status(call).await, "pending");
    }
    world.sweep(made.plus(DAY + SECOND)).await;
    for call in [&forgotten, &unwanted, &unauctioned] {
        let ended = world.get("calls", call).await;
        assert_eq!(
            (text(&ended, "status"), text(&ended, "reason")),
            ("failed", "NOT_SOLD"),
            "{ended}"
        );
        assert!(ended["tm_end"].is_string(), "{ended}");
        let late = world.route(call).await;
        assert_eq!(reason(&late), (409, "INVALID_CALL_STATE"));
    }
    assert_eq!(
        (status(&sold).await, status(&auctioned).await),
        ("queued".to_owned(), "pending".to_owned())
    );
    let text = explained(&world, &forgotten).await;
    assert!(text.starts_with("No buyer was asked for"), "{text}");
    for call in [&unwanted, &unauctioned] {
        let text = explained(&world, call).await;
        assert!(text.contains("Nobody had bought the call"), "{text}");
    }
    until("the ends are told", async || {
        let heard = events.heard();
        let ends = heard
            .iter()
            .filter(|heard| heard.event.kind == "call_completed");
        (ends.count() == 3).then_some(())
    })
    .await;
    let before = world.get("calls", &forgotten).await;
    world.sweep(made.plus(2 * DAY)).await;
    assert_eq!(world.get("calls", &forgotten).await, before, "once");
    world.end().await;
}
