//! What is told to whoever listens: every event that the contract names.

use bin_common_handler::{
    models::sock::Method::{Delete, Post, Put},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::json;

use crate::world::{World, id, reason, text};

const EVENTS: [&str; 19] = [
    "call_created",
    "call_updated",
    "call_routed",
    "call_completed",
    "auction_started",
    "auction_closed",
    "bid_placed",
    "bid_won",
    "bid_lost",
    "bid_expired",
    "account_updated",
    "account_balance_changed",
    "ledger_posted",
    "consent_granted",
    "consent_revoked",
    "dnc_added",
    "dnc_removed",
    "compliance_violated",
    "fraud_flagged",
];

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_the_contract_is_told(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let campaign = world.campaign(json!({})).await;
    sold(&world, &campaign).await;
    auctioned(&world).await;
    judged(&world, &campaign).await;
    let missing = || -> Vec<&'static str> {
        let heard = events.heard();
        let is_told = |kind: &str| heard.iter().any(|heard| heard.event.kind == kind);
        EVENTS.into_iter().filter(|kind| !is_told(kind)).collect()
    };
    until("all are told", async || missing().is_empty().then_some(())).await;
    world.end().await;
}

/// A call that is sold and paid.
async fn sold(world: &World, campaign: &str) {
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, campaign, 100, json!({})).await;
    let account = format!("/v1/accounts/{buyer}");
    let change = json!({"name": "renamed"});
    world.client.ok(Put, &account, Some(change)).await;
    let call = world.call(campaign).await;
    assert_eq!(world.route(&call).await.0, 200);
    world.reports(&call, &["ringing", "in_progress"]).await;
    let end = json!({"status": "completed", "duration_seconds": 60, "hangup_cause": "16"});
    let (status, ended) = world.report(&call, end).await;
    assert_eq!((status, text(&ended, "hangup_cause")), (200, "16"));
    assert_eq!(world.money(&buyer).await, (900, 0));
}

/// An auction in which one bid ends before, one wins and one loses.
async fn auctioned(world: &World) {
    let terms = json!({"window_ms": 60_000});
    let campaign = world.campaign(json!({"auction": terms})).await;
    let call = world.call(&campaign).await;
    let body = json!({"call_id": call});
    let auction = world.client.ok(Post, "/v1/auctions", Some(body)).await;
    let bids = [(800, 30), (700, 300), (600, 300)];
    world.bids(&auction, &bids).await;
    world.clock.shift(90 * 1_000_000);
    world.closed(&auction).await;
}

/// What the law and the look for fraud say.
async fn judged(world: &World, campaign: &str) {
    let client = &world.client;
    let person = "+14045550123";
    let proved = json!({
        "phone": person, "purpose": "service",
        "proofs": [{"kind": "web_form", "uri": "https://example.com/form/1"}],
    });
    let consent = id(&client.ok(Post, "/v1/consents", Some(proved)).await);
    let uri = format!("/v1/consents/{consent}/grant");
    client.ok(Post, &uri, None).await;
    let uri = format!("/v1/consents/{consent}/revoke");
    client.ok(Post, &uri, None).await;
    let entry = json!({"phone": person, "list": "internal"});
    let entry = id(&client.ok(Post, "/v1/dnc_entries", Some(entry)).await);
    let out = json!({
        "call_campaign_id": campaign, "direction": "outbound", "from_number": "+14155550100",
        "to_number": person,
    });
    let refused = client.call(Post, "/v1/calls", Some(out)).await;
    assert_eq!(refused.0, 403, "{refused:?}");
    let uri = format!("/v1/dnc_entries/{entry}");
    client.ok(Delete, &uri, None).await;
    let block = json!({"phone": "+14155550111", "list": "block"});
    client.ok(Post, "/v1/fraud/entries", Some(block)).await;
    let body = json!({
        "call_campaign_id": campaign, "from_number": "+14155550111", "to_number": "+14155550100",
    });
    let refused = client.call(Post, "/v1/calls", Some(body)).await;
    assert_eq!(reason(&refused), (403, "FRAUD_DETECTED"));
}
