//! The ledger: the contract's example to the cent, and what may not happen to money.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id, reason, text};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_contracts_example_to_the_cent(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({"payout": 300})).await;
    let seller = text(&world.get("call_campaigns", &campaign).await, "seller_id").to_owned();
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 525, json!({})).await;
    let call = world.call(&campaign).await;

    assert_eq!(world.route(&call).await.0, 200);
    assert_eq!(world.money(&buyer).await, (10_000, 525));
    let done = world
        .reports(&call, &["ringing", "in_progress", "completed"])
        .await;
    assert_eq!(
        (&done["converted"], &done["price"]),
        (&json!(true), &json!(525))
    );
    assert_eq!(world.money(&buyer).await, (9_475, 0));
    assert_eq!(world.money(&seller).await, (300, 0));

    let refund = json!({"call_id": call, "amount": 525, "currency": "USD", "reason": "spam"});
    let refund = world.client.ok(Post, "/v1/refunds", Some(refund)).await;
    assert_eq!(refund["reversed"], 300);
    assert_eq!(world.money(&buyer).await, (10_000, 0));
    assert_eq!(world.money(&seller).await, (0, 0));

    let all = world.client.ok(Get, "/v1/ledger_entries", None).await;
    let all: Vec<Json> = serde_json::from_value(all).unwrap();
    let of = |account: &str, kind: &str| {
        let own = all
            .iter()
            .filter(|entry| text(entry, "account_id") == account && text(entry, "kind") == kind);
        own.map(|entry| entry["amount"].as_i64().unwrap())
            .sum::<i64>()
    };
    let house = world.client.customer_id.unwrap().to_string();
    for (kind, buyers, sellers, houses) in [
        ("deposit", 10_000, 0, -10_000),
        ("hold", 525, 0, -525),
        ("capture", -525, 0, 525),
        ("payout", 0, 300, -300),
        ("refund", 525, 0, -525),
        ("adjustment", 0, -300, 300),
    ] {
        let sums = (of(&buyer, kind), of(&seller, kind), of(&house, kind));
        assert_eq!(sums, (buyers, sellers, houses), "{kind}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn refunds_together_are_never_more_than_the_capture(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({"payout": 100})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 300, json!({})).await;
    let call = world.call(&campaign).await;
    let refund = async |amount: i64, currency: &str| {
        let body = json!({"call_id": call, "amount": amount, "currency": currency});
        world.client.call(Post, "/v1/refunds", Some(body)).await
    };
    assert_eq!(reason(&refund(1, "USD").await), (409, "INVALID_CALL_STATE"));
    world.route(&call).await;
    world
        .reports(&call, &["ringing", "in_progress", "completed"])
        .await;
    assert_eq!(reason(&refund(1, "EUR").await), (400, "CURRENCY_MISMATCH"));
    assert_eq!(reason(&refund(0, "USD").await), (400, "INVALID_FIELD"));
    assert_eq!(refund(200, "USD").await.0, 200);
    assert_eq!(reason(&refund(101, "USD").await), (409, "REFUND_TOO_LARGE"));
    assert_eq!(refund(100, "USD").await.0, 200);
    assert_eq!(reason(&refund(1, "USD").await), (409, "REFUND_TOO_LARGE"));
    assert_eq!(world.money(&buyer).await, (1_000, 0));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_free_can_be_taken_out(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({"credit_limit": 5_000})).await;
    world.profile(&buyer, &campaign, 400, json!({})).await;
    world.route(&world.call(&campaign).await).await;
    let uri = format!("/v1/accounts/{buyer}/withdrawals");
    let take = async |amount: i64, currency: &str| {
        let body = json!({"amount": amount, "currency": currency});
        world.client.call(Post, &uri, Some(body)).await
    };
    assert_eq!(reason(&take(601, "USD").await), (402, "INSUFFICIENT_FUNDS"));
    assert_eq!(reason(&take(1, "JPY").await), (400, "CURRENCY_MISMATCH"));
    assert_eq!(reason(&take(-1, "USD").await), (400, "INVALID_FIELD"));
    assert_eq!(take(600, "USD").await.0, 200);
    assert_eq!(world.money(&buyer).await, (400, 400));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_under_one_key_is_one_deposit_and_stands_on_the_statement(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let buyer = world.buyer(0, json!({})).await;
    let uri = format!("/v1/accounts/{buyer}/deposits");
    for _ in 0..3 {
        let body = json!({"amount": 500, "currency": "USD"});
        let (status, reply) = world
            .client
            .call_keyed(Post, &uri, Some(body), Some("once"))
            .await;
        assert_eq!((status, &reply["balance"]), (200, &json!(500)), "{reply}");
    }
    let uri = format!("/v1/accounts/{buyer}/ledger_entries");
    let entries = world.client.ok(Get, &uri, None).await;
    assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");
    assert_ne!(id(&entries[0]), "");
    let csv = world
        .client
        .ok(Get, &format!("{uri}?format=csv"), None)
        .await;
    let lines: Vec<&str> = text(&csv, "text").lines().collect();
    assert_eq!(
        lines[0],
        "tm_create,kind,amount,currency,reference_type,reference_id"
    );
    assert!(
        lines[1].contains(",deposit,500,USD,operation,"),
        "{lines:?}"
    );
    let wrong = world
        .client
        .call(Get, &format!("{uri}?format=xml"), None)
        .await;
    assert_eq!(reason(&wrong), (400, "INVALID_FIELD"));
    world.end().await;
}
