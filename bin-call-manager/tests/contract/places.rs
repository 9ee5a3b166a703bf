//! Where calls may go, and where they may come from.

use bin_common_handler::{
    models::sock::Method::{Post, Put},
    testing::Kind,
};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, long_auctions, reason, text};

#[rstest]
#[case::nowhere("")]
#[case::to_itself("+14155550100")]
#[case::to_itself_by_sip("sip:+14155550100@sip.example")]
#[case::to_another("+14155550101")]
#[case::to_another_by_sip("sips:14155550101@sip.example;transport=tcp")]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_sold_to_a_place_and_to_no_number_that_brings_calls_in(
    #[case] destination: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(long_auctions()).await;
    let buyer = world.buyer(1_000, json!({})).await;
    let more = json!({"destination": destination});
    world.profile(&buyer, &campaign, 500, more).await;
    // The numbers are the campaigns' only now.
    let another = world.campaign(json!({})).await;
    for (campaign, number) in [(&campaign, "+14155550100"), (&another, "+14155550101")] {
        let uri = format!("/v1/call_campaigns/{campaign}");
        let numbers = json!({"numbers": [number]});
        world.client.ok(Put, &uri, Some(numbers)).await;
    }
    let call = world.call(&campaign).await;
    let nobody = world.route(&call).await;
    assert_eq!(reason(&nobody), (409, "NO_BIDS_AVAILABLE"));
    assert_eq!(
        nobody.1["details"][0]["candidates"][0]["excluded_by"], "DESTINATION_NOT_ALLOWED",
        "{nobody:?}"
    );
    let auction = json!({"call_id": call});
    let auction = world.client.ok(Post, "/v1/auctions", Some(auction)).await;
    let uri = format!("/v1/auctions/{}/bids", text(&auction, "id"));
    let bid = json!({
        "buyer_id": buyer, "amount": 500, "currency": "USD", "destination": destination,
    });
    let profile = json!({"buyer_id": buyer, "amount": 500, "destination": destination});
    for (uri, body) in [(uri.as_str(), bid), ("/v1/bid_profiles", profile)] {
        let (status, said) = world.client.call(Post, uri, Some(body)).await;
        let is_named = text(&said, "message").starts_with("destination");
        let expected = match destination {
            "" => (200, false),
            _ => (400, true),
        };
        assert_eq!((status, is_named), expected, "{said}");
    }
    let uri = format!("/v1/auctions/{}/close", text(&auction, "id"));
    let closed = world.client.ok(Post, &uri, None).await;
    // A bid by request need not say: whoever asked for the auction puts the call through.
    let (status, held) = match destination {
        "" => ("completed", 500),
        _ => ("expired", 0),
    };
    assert_eq!(closed["status"], status);
    assert_eq!(world.money(&buyer).await, (1_000, held));
    world.end().await;
}

/// Another customer's campaign may be a buyer as any other.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_may_be_sold_to_another_customers_campaign(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let other = world.installation.client().within(Uuid::from_u128(8));
    let seller = json!({"type": "seller", "name": "seller", "status": "active"});
    let seller = other.ok(Post, "/v1/accounts", Some(seller)).await;
    let theirs = json!({"name": "theirs", "seller_id": seller["id"], "numbers": ["+14155550102"]});
    other.ok(Post, "/v1/call_campaigns", Some(theirs)).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    let more = json!({"destination": "+14155550102"});
    world.profile(&buyer, &campaign, 500, more).await;
    let call = world.call(&campaign).await;
    assert_eq!(world.route(&call).await.0, 200);
    world.end().await;
}

#[rstest]
#[case::in_it("94105", (200, ""))]
#[case::beyond("10001", (409, "RADIUS"))]
#[case::nowhere("00000", (409, "RADIUS"))]
#[case::not_said("", (409, "RADIUS"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_circle_takes_calls_by_their_zip(#[case] zip: &str, #[case] expected: (u16, &str)) {
    let world = World::new(Kind::Embedded).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    // Ten miles around San Francisco's city hall.
    let circle = json!({"radius": {"lat": 37.779, "lon": -122.419, "miles": 10}});
    let more = json!({"criteria": circle});
    world.profile(&buyer, &campaign, 500, more).await;
    let body = json!({
        "call_campaign_id": campaign, "from_number": "+14155550123", "to_number": "+14155550100",
        "zip": zip,
    });
    let call = world.client.ok(Post, "/v1/calls", Some(body)).await;
    let (status, said) = world.route(text(&call, "id")).await;
    let rule = &said["details"][0]["candidates"][0]["excluded_by"];
    assert_eq!(
        (status, rule.as_str().unwrap_or_default()),
        expected,
        "{said}"
    );
    world.end().await;
}
