//! Calls that an accepted ping waits for: nothing is reported of them before they come, and one that ends frees its caller.

use bin_common_handler::{models::sock::Method::Post, testing::Kind};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id, reason, text};

const CALLER: &str = "+14155550123";

/// A ping that is accepted: itself, its call, and who pays.
async fn reserved(world: &World) -> (Json, String, String) {
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 400, json!({})).await;
    let ping = ping(world, &campaign).await;
    let uri = format!("/v1/pings/{}/accept", id(&ping));
    let accepted = world.client.ok(Post, &uri, None).await;
    (ping, text(&accepted, "call_id").to_owned(), buyer)
}

async fn ping(world: &World, campaign: &str) -> Json {
    let body = json!({"call_campaign_id": campaign, "from_number": CALLER});
    world.client.ok(Post, "/v1/pings", Some(body)).await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_reported_before_the_call_comes(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let (ping, call, buyer) = reserved(&world).await;
    let bid_id = world.get("calls", &call).await["bid_id"].clone();
    for status in ["ringing", "in_progress", "completed", "failed"] {
        let body = json!({"status": status, "bid_id": bid_id, "duration_seconds": 60});
        let early = world.report(&call, body).await;
        let expected = match status {
            "ringing" | "failed" => "PING_NOT_ARRIVED",
            _ => reason(&early).1,
        };
        assert_eq!(reason(&early), (409, expected), "{status}");
    }
    assert_eq!(text(&world.get("calls", &call).await, "status"), "queued");
    let body = json!({"ping_id": ping["id"], "from_number": CALLER, "to_number": "+14155550100"});
    world.client.ok(Post, "/v1/calls", Some(body)).await;
    world.reports(&call, &["ringing", "in_progress"]).await;
    // The end of the ping is of no more concern.
    world.clock.shift(31 * 1_000_000);
    world.reports(&call, &["completed"]).await;
    assert_eq!(world.money(&buyer).await, (600, 0));
    world.end().await;
}

#[rstest]
#[case("canceled")]
#[case("failed")]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ends_frees_its_caller(
    #[case] status: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let (ping, call, buyer) = reserved(&world).await;
    world.reports(&call, &[status]).await;
    assert_eq!(world.money(&buyer).await, (1_000, 0));
    let accept = async |ping: &Json| {
        let uri = format!("/v1/pings/{}/accept", id(ping));
        world.client.call(Post, &uri, None).await
    };
    assert_eq!(reason(&accept(&ping).await), (409, "PING_EXPIRED"));
    let again = self::ping(&world, text(&ping, "call_campaign_id")).await;
    assert_ne!(again["id"], ping["id"]);
    assert_eq!(again["cached"], false);
    let (status, accepted) = accept(&again).await;
    assert_eq!(status, 200, "{accepted}");
    assert_ne!(text(&accepted, "call_id"), call);
    assert_eq!(world.money(&buyer).await, (1_000, 400));
    world.end().await;
}
