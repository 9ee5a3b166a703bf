//! Sellers that may not trade, and money of accounts that end.

use bin_common_handler::{
    models::sock::Method::{Delete, Post, Put},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, as_account, id, long_auctions, reason, text};

impl World {
    async fn seller_of(&self, campaign: &str) -> String {
        text(&self.get("call_campaigns", campaign).await, "seller_id").to_owned()
    }

    async fn becomes(&self, account: &str, status: &str) {
        let uri = format!("/v1/accounts/{account}");
        let change = json!({"status": status});
        self.client.ok(Put, &uri, Some(change)).await;
    }
}

#[rstest]
#[case::suspended("suspended")]
#[case::banned("banned")]
#[case::closed("closed")]
#[tokio::test(flavor = "multi_thread")]
async fn a_seller_that_is_not_active_sells_nothing(
    #[case] status: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(long_auctions()).await;
    let seller = world.seller_of(&campaign).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    let (routed, auctioned) = (world.call(&campaign).await, world.call(&campaign).await);
    let auction = world
        .client
        .ok(Post, "/v1/auctions", Some(json!({"call_id": auctioned})))
        .await;
    let waiting = world.call(&campaign).await;
    let ping = json!({"call_campaign_id": campaign, "from_number": "+14155550133"});
    let offered = world.client.ok(Post, "/v1/pings", Some(ping.clone())).await;
    world.becomes(&seller, status).await;

    let new = json!({
        "call_campaign_id": campaign, "from_number": "+14155550123", "to_number": "+14155550100",
    });
    let refused = [
        ("/v1/calls".to_owned(), Some(new)),
        (format!("/v1/calls/{routed}/route"), None),
        ("/v1/auctions".to_owned(), Some(json!({"call_id": waiting}))),
        (format!("/v1/pings/{}/accept", id(&offered)), None),
    ];
    for (uri, body) in refused {
        let reply = as_account(&world.client, &seller, Post, &uri, body.clone()).await;
        assert_eq!(reason(&reply), (409, "INVALID_ACCOUNT_STATE"), "{uri}");
        let reply = world.client.call(Post, &uri, body).await;
        assert_eq!(reason(&reply), (409, "INVALID_ACCOUNT_STATE"), "{uri}");
    }
    let mut ping = ping;
    ping["zip"] = json!("94105");
    let ping = world.client.ok(Post, "/v1/pings", Some(ping)).await;
    assert_eq!(ping["reject_code"], 1001, "{ping}");
    let uri = format!("/v1/auctions/{}/close", id(&auction));
    let closed = world.client.ok(Post, &uri, None).await;
    assert_eq!(closed["status"], "canceled");
    let call = world.get("calls", &auctioned).await;
    assert_eq!(
        (text(&call, "status"), text(&call, "reason")),
        ("pending", "INVALID_ACCOUNT_STATE")
    );
    assert_eq!(world.money(&buyer).await, (10_000, 0));
    if status != "closed" {
        world.becomes(&seller, "active").await;
        assert_eq!(world.route(&auctioned).await.0, 200);
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_money_is_left_on_accounts_that_end(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let seller = world.seller_of(&campaign).await;
    let buyer = world.buyer(500, json!({})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    let call = world.call(&campaign).await;
    assert_eq!(world.route(&call).await.0, 200);
    let uri = format!("/v1/accounts/{seller}");
    let close = Some(json!({"status": "closed"}));
    for reply in [
        world.client.call(Put, &uri, close.clone()).await,
        world.client.call(Delete, &uri, None).await,
    ] {
        assert_eq!(reason(&reply), (409, "ACCOUNT_HAS_CALLS"));
    }
    world
        .reports(&call, &["ringing", "in_progress", "completed"])
        .await;
    let take = async |account: &str, amount: i64| {
        let uri = format!("/v1/accounts/{account}/withdrawals");
        let body = json!({"amount": amount, "currency": "USD"});
        world.client.call(Post, &uri, Some(body)).await
    };
    assert_eq!(take(&seller, 500).await.0, 200);
    world.client.ok(Delete, &uri, None).await;

    // The buyer leaves, and has a refund after that.
    let uri = format!("/v1/accounts/{buyer}");
    world.client.ok(Put, &uri, close).await;
    world.client.ok(Delete, &uri, None).await;
    let refund = json!({"call_id": call, "amount": 200, "currency": "USD"});
    world.client.ok(Post, "/v1/refunds", Some(refund)).await;
    assert_eq!(
        reason(&take(&buyer, 201).await),
        (402, "INSUFFICIENT_FUNDS")
    );
    let (status, taken) = take(&buyer, 200).await;
    assert_eq!((status, &taken["balance"]), (200, &json!(0)), "{taken}");
    let back = json!({"amount": 1, "currency": "USD"});
    let back = world
        .client
        .call(Post, &format!("{uri}/deposits"), Some(back))
        .await;
    assert_eq!(back.0, 404, "{back:?}");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_credit_that_is_in_use_stays(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(100, json!({"credit_limit": 1_000})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    assert_eq!(world.route(&world.call(&campaign).await).await.0, 200);
    let set = async |limit: i64| -> (u16, Json) {
        let uri = format!("/v1/accounts/{buyer}");
        let body = json!({"credit_limit": limit, "name": "renamed"});
        world.client.call(Put, &uri, Some(body)).await
    };
    let refused = set(399).await;
    assert_eq!(reason(&refused), (409, "CREDIT_LIMIT_IN_USE"));
    assert!(refused.1.to_string().contains("400"), "{refused:?}");
    assert_eq!(world.get("accounts", &buyer).await["name"], "buyer");
    assert_eq!(set(400).await.0, 200);
    assert_eq!(set(500).await.0, 200);
    world.end().await;
}
