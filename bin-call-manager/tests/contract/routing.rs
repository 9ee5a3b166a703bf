//! Routing: who wins, who does not and why, and who may know.

use bin_common_handler::{
    models::sock::Method::{Get, Post, Put},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, as_account, reason, text};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_highest_bid_wins_and_everybody_is_explained(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let campaign = world.campaign(json!({})).await;
    let low = world.buyer(1_000, json!({"name": "low"})).await;
    let high = world.buyer(1_000, json!({"name": "high"})).await;
    let poor = world.buyer(0, json!({"name": "poor"})).await;
    for (buyer, amount) in [(&low, 400), (&high, 525), (&poor, 900)] {
        world.profile(buyer, &campaign, amount, json!({})).await;
    }
    let call = world.call(&campaign).await;
    let (status, routed) = world.route(&call).await;
    assert_eq!(status, 200, "{routed}");
    assert_eq!(routed["buyer_id"], json!(high));
    assert_eq!(
        (&routed["status"], &routed["price"]),
        (&json!("queued"), &json!(525))
    );
    assert_eq!(routed["destination"], "+14155550199");
    let again = world.route(&call).await;
    assert_eq!(reason(&again), (409, "CALL_ALREADY_ROUTED"));
    assert_eq!(again.1["details"][0]["buyer_id"], json!(high));

    let uri = format!("/v1/calls/{call}/explanation");
    let why = world.client.ok(Get, &uri, None).await;
    assert_eq!(why["winner"]["bid_id"], routed["bid_id"]);
    assert_eq!(
        (&why["winner"]["price"], &why["strategy"]),
        (&json!(525), &json!("highest_bid"))
    );
    let rows = why["candidates"].as_array().unwrap();
    let of = |buyer: &str| {
        rows.iter()
            .find(|row| row["buyer_id"] == json!(buyer))
            .unwrap()
    };
    assert_eq!(
        (&of(&high)["rank"], &of(&low)["rank"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(of(&poor)["excluded_by"], "INSUFFICIENT_FUNDS");
    assert_eq!(text(&why, "text").lines().count(), 3, "{why}");

    let kinds: Vec<String> = events
        .wait_for(1)
        .await
        .iter()
        .map(|event| event.event.kind.clone())
        .collect();
    assert!(!kinds.is_empty());
    world.end().await;
}

#[rstest]
#[case::balance("INSUFFICIENT_FUNDS", json!({}), 0, json!({}))]
#[case::cap("CAP_REACHED", json!({"concurrency_cap": 0}), 1_000, json!({}))]
#[case::hourly("CAP_REACHED", json!({"hourly_cap": 0}), 1_000, json!({}))]
#[case::budget("BUDGET_REACHED", json!({"daily_budget": 99}), 1_000, json!({}))]
#[case::paused("ACCOUNT_INACTIVE", json!({"status": "suspended"}), 1_000, json!({}))]
#[case::elsewhere("COUNTRY", json!({}), 1_000, json!({"countries": ["CA"]}))]
#[case::npa("NPA", json!({}), 1_000, json!({"npas": [212]}))]
#[case::tag("TAG", json!({}), 1_000, json!({"tags": [{"key": "age", "op": "eq", "value": "65"}]}))]
#[case::never("NUMBER_EXCLUDED", json!({}), 1_000, json!({"exclude_numbers": ["+14155550123"]}))]
#[case::dear("PRICE_TOO_HIGH", json!({}), 1_000, json!({"max_price": 99}))]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_may_have_it_and_the_refusal_says_why(
    #[case] excluded_by: &str,
    #[case] account: Json,
    #[case] money: i64,
    #[case] criteria: Json,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(money, account).await;
    world
        .profile(&buyer, &campaign, 100, json!({"criteria": criteria}))
        .await;
    let call = world.call(&campaign).await;
    let refused = world.route(&call).await;
    assert_eq!(reason(&refused), (409, "NO_BIDS_AVAILABLE"));
    let named = &refused.1["details"][0]["candidates"][0];
    assert_eq!(
        (&named["buyer_id"], text(named, "excluded_by")),
        (&json!(buyer), excluded_by)
    );
    let why = format!("/v1/calls/{call}/explanation");
    let why = world.client.ok(Get, &why, None).await;
    assert_eq!(why["candidates"][0]["excluded_by"], excluded_by);
    assert_eq!(why["winner"], Json::Null);
    assert_eq!(world.get("calls", &call).await["status"], "pending");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn caps_count_what_the_account_says(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let account = json!({"daily_cap": 1, "cap_counts": "connect"});
    let buyer = world.buyer(10_000, account).await;
    world.profile(&buyer, &campaign, 100, json!({})).await;
    let first = world.call(&campaign).await;
    world.route(&first).await;
    // An open win may still count.
    let second = world.call(&campaign).await;
    assert_eq!(
        reason(&world.route(&second).await),
        (409, "NO_BIDS_AVAILABLE")
    );
    world.reports(&first, &["ringing", "no_answer"]).await;
    assert_eq!(world.route(&second).await.0, 200, "it never counted");
    world.reports(&second, &["ringing", "in_progress"]).await;
    let third = world.call(&campaign).await;
    let refused = world.route(&third).await;
    assert_eq!(
        refused.1["details"][0]["candidates"][0]["excluded_by"],
        "CAP_REACHED"
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_not_sold_twice(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let duplicates = json!({"scope": "buyer", "after": "connect", "days": 7});
    let campaign = world.campaign(json!({"duplicates": duplicates})).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 100, json!({})).await;
    let first = world.call(&campaign).await;
    world.route(&first).await;
    world.reports(&first, &["ringing", "in_progress"]).await;
    let refused = world.route(&world.call(&campaign).await).await;
    let named = &refused.1["details"][0]["candidates"][0];
    assert_eq!(named["excluded_by"], "DUPLICATE_CALL", "{refused:?}");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn turns_are_taken_one_after_the_other(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({"strategy": "round_robin"})).await;
    let mut buyers = Vec::new();
    for amount in [100, 200, 300] {
        let buyer = world.buyer(100_000, json!({})).await;
        world.profile(&buyer, &campaign, amount, json!({})).await;
        buyers.push(buyer);
    }
    let mut wins = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..9 {
        let (status, routed) = world.route(&world.call(&campaign).await).await;
        assert_eq!(status, 200, "{routed}");
        *wins
            .entry(text(&routed, "buyer_id").to_owned())
            .or_default() += 1;
    }
    assert_eq!(wins.len(), 3);
    assert!(wins.values().all(|count| *count == 3), "{wins:?}");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_revenue_is_what_is_held_and_paid(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({"revenue": 350, "payout": 200})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    let profile = world.profile(&buyer, &campaign, 500, json!({})).await;
    let call = world.call(&campaign).await;
    let (_, routed) = world.route(&call).await;
    assert_eq!(
        (&routed["price"], &routed["payout"]),
        (&json!(350), &json!(200))
    );
    assert_eq!(world.money(&buyer).await, (1_000, 350));
    let uri = format!("/v1/bid_profiles/{profile}");
    world
        .client
        .ok(Put, &uri, Some(json!({"active": false})))
        .await;
    let refused = world.route(&world.call(&campaign).await).await;
    assert_eq!(reason(&refused), (409, "NO_BIDS_AVAILABLE"));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_profile_counts_with_the_next_call_on_every_replica(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let campaign = world.campaign(json!({})).await;
    let mut rivals = Vec::new();
    for _ in 0..2 {
        let buyer = world.buyer(1_000_000, json!({})).await;
        let profile = world.profile(&buyer, &campaign, 100, json!({})).await;
        rivals.push((buyer, profile));
    }
    for turn in 0..8 {
        let (buyer, profile) = &rivals[turn % 2];
        let uri = format!("/v1/bid_profiles/{profile}");
        let body = json!({"amount": 200 + turn, "criteria": {"npas": [415]}});
        world.client.ok(Put, &uri, Some(body)).await;
        let call = world.call(&campaign).await;
        let (status, routed) = world.route(&call).await;
        assert_eq!(
            (status, &routed["buyer_id"]),
            (200, &json!(buyer)),
            "{turn}"
        );
    }
    let (buyer, profile) = &rivals[0];
    let uri = format!("/v1/bid_profiles/{profile}");
    let off = json!({"active": false});
    world.client.ok(Put, &uri, Some(off)).await;
    for _ in 0..4 {
        let call = world.call(&campaign).await;
        let (_, routed) = world.route(&call).await;
        assert_ne!(routed["buyer_id"], json!(buyer));
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn those_that_the_index_leaves_out_are_explained_when_asked(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let elsewhere = world.buyer(1_000, json!({"name": "elsewhere"})).await;
    let npa = json!({"criteria": {"npas": [212]}});
    let left_out = world.profile(&elsewhere, &campaign, 900, npa).await;
    let buyer = world.buyer(1_000, json!({"name": "many"})).await;
    for amount in 1..=130 {
        world.profile(&buyer, &campaign, amount, json!({})).await;
    }
    let call = world.call(&campaign).await;
    let (status, routed) = world.route(&call).await;
    assert_eq!((status, &routed["price"]), (200, &json!(130)), "{routed}");
    let late = world.buyer(1_000, json!({})).await;
    world.profile(&late, &campaign, 500, json!({})).await;

    let uri = format!("/v1/calls/{call}/explanation");
    let why = world.client.ok(Get, &uri, None).await;
    let rows = why["candidates"].as_array().unwrap();
    assert_eq!(
        rows.len(),
        131,
        "all that were there, and nobody who came later"
    );
    let out = |rule: &str| {
        let of = |row: &&Json| row["excluded_by"] == json!(rule);
        rows.iter().filter(of).collect::<Vec<_>>()
    };
    let npa = out("NPA");
    assert_eq!(npa.len(), 1);
    assert_eq!(npa[0]["profile_id"], json!(left_out));
    assert_eq!(npa[0]["detail"], json!({"call": 415}));
    let outbid: Vec<_> = out("OUTBID")
        .iter()
        .map(|row| row["amount"].clone())
        .collect();
    assert!(outbid.contains(&json!(1)) && !outbid.contains(&json!(130)));
    assert_eq!(text(&why, "text").lines().count(), 131);
    let (status, own) = as_account(&world.client, &elsewhere, Get, &uri, None).await;
    assert_eq!(status, 200, "{own}");
    assert_eq!(own["candidates"].as_array().unwrap().len(), 1);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_cap_is_overrun_when_it_counts_otherwise_meanwhile(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 100, json!({})).await;
    let uri = format!("/v1/accounts/{buyer}");
    let first = world.call(&campaign).await;
    assert_eq!(world.route(&first).await.0, 200);
    let change = json!({"cap_counts": "conversion", "total_cap": 3});
    world.client.ok(Put, &uri, Some(change)).await;
    for _ in 0..2 {
        assert_eq!(world.route(&world.call(&campaign).await).await.0, 200);
    }
    // The first counted at its win; that it comes to nothing makes no room among those that are on.
    world.reports(&first, &["canceled"]).await;
    let fourth = world.route(&world.call(&campaign).await).await;
    assert_eq!(reason(&fourth), (409, "NO_BIDS_AVAILABLE"));
    assert_eq!(
        fourth.1["details"][0]["candidates"][0]["excluded_by"], "CAP_REACHED",
        "{fourth:?}"
    );
    world.end().await;
}

#[rstest]
#[case::highest_bid("highest_bid", 0)]
#[case::priority("priority", 1)]
#[case::skill("skill", 2)]
#[case::least_cost("least_cost", 2)]
#[tokio::test(flavor = "multi_thread")]
async fn the_campaigns_strategy_chooses(
    #[case] strategy: &str,
    #[case] winner: usize,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({"strategy": strategy})).await;
    let solar = json!({"tags": [{"key": "product", "op": "eq", "value": "solar"}]});
    let mut buyers = Vec::new();
    for (amount, priority, criteria) in [(900, 2, json!({})), (800, 1, json!({})), (700, 3, solar)]
    {
        let buyer = world.buyer(1_000, json!({"priority": priority})).await;
        let criteria = json!({"criteria": criteria});
        world.profile(&buyer, &campaign, amount, criteria).await;
        buyers.push(buyer);
    }
    let body = json!({
        "call_campaign_id": campaign, "from_number": "+14155550123", "to_number": "+14155550100",
        "tags": {"product": "solar"},
    });
    let call = world.client.ok(Post, "/v1/calls", Some(body)).await;
    let (status, routed) = world.route(text(&call, "id")).await;
    assert_eq!(
        (status, text(&routed, "buyer_id")),
        (200, buyers[winner].as_str())
    );
    world.end().await;
}
