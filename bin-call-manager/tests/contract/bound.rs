//! Keys that are bound to an account, and tenants: nobody sees what is another's.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::world::{World, as_account, holds, id, reason, text};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_key_sees_its_own_and_nothing_else(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let client = &world.client;
    let campaign = world.campaign(json!({"payout": 77})).await;
    let seller = text(&world.get("call_campaigns", &campaign).await, "seller_id").to_owned();
    let winner = world.buyer(1_000, json!({"name": "winner"})).await;
    let rival = world.buyer(1_000, json!({"name": "rival"})).await;
    let own = world.profile(&winner, &campaign, 500, json!({})).await;
    let theirs = world.profile(&rival, &campaign, 400, json!({})).await;
    let call = world.call(&campaign).await;
    world.route(&call).await;
    let (call_uri, why) = (
        format!("/v1/calls/{call}"),
        format!("/v1/calls/{call}/explanation"),
    );
    let ask = async |account: &str, uri: &str| as_account(client, account, Get, uri, None).await;

    let (_, seen) = ask(&winner, &call_uri).await;
    assert_eq!(
        (&seen["price"], &seen["payout"]),
        (&json!(500), &Json::Null)
    );
    assert_eq!(seen["seller_id"], json!(Uuid::nil()));
    let by_seller = format!("/v1/calls?seller_id={seller}");
    assert_eq!(ask(&winner, &by_seller).await, (200, json!([])));
    let (_, seen) = ask(&seller, &call_uri).await;
    assert_eq!((&seen["price"], &seen["payout"]), (&Json::Null, &json!(77)));
    assert_eq!(
        (&seen["buyer_id"], &seen["bid_id"]),
        (&Json::Null, &Json::Null)
    );
    assert_eq!(seen["destination"], json!(""), "the buyer's phone");
    assert_eq!(
        reason(&ask(&rival, &call_uri).await),
        (404, "CALL_NOT_FOUND")
    );

    // Who won is told to whoever may see it.
    let route = format!("{call_uri}/route");
    let again = as_account(client, &seller, Post, &route, None).await;
    assert_eq!(reason(&again), (409, "CALL_ALREADY_ROUTED"));
    assert!(!again.1.to_string().contains(&winner), "{again:?}");

    let (_, whole) = ask(&winner, &why).await;
    assert_eq!(whole["candidates"].as_array().unwrap().len(), 1);
    assert_eq!(whole["winner"]["buyer_id"], json!(winner));
    let (status, lost) = ask(&rival, &why).await;
    assert_eq!((status, &lost["winner"]), (200, &Json::Null), "{lost}");
    assert!(
        !holds(&lost, 500) && !lost.to_string().contains(&winner),
        "{lost}"
    );
    let (_, sold) = ask(&seller, &why).await;
    assert!(!holds(&sold, 500), "{sold}");

    for (account, uri, count) in [
        (&winner, "/v1/calls", 1),
        (&rival, "/v1/calls", 0),
        (&seller, "/v1/calls", 1),
        (&winner, "/v1/accounts", 1),
        (&winner, "/v1/bid_profiles", 1),
        (&seller, "/v1/bid_profiles", 0),
        (&winner, "/v1/bids", 1),
        (&rival, "/v1/bids", 0),
        (&seller, "/v1/bids", 0),
        (&winner, "/v1/ledger_entries", 2),
        (&seller, "/v1/ledger_entries", 0),
        (&seller, "/v1/call_campaigns", 1),
        (&winner, "/v1/call_campaigns", 0),
    ] {
        let (status, rows) = ask(account, uri).await;
        assert_eq!(
            (status, rows.as_array().map(Vec::len)),
            (200, Some(count)),
            "{uri} {rows}"
        );
    }
    let profile = |id: &str| format!("/v1/bid_profiles/{id}");
    let foreign = [
        (Get, format!("/v1/accounts/{rival}"), None),
        (Get, format!("/v1/accounts/{rival}/ledger_entries"), None),
        (Get, profile(&theirs), None),
        (Put, profile(&theirs), Some(json!({"amount": 1}))),
        (Delete, profile(&theirs), None),
        (Get, format!("/v1/call_campaigns/{campaign}"), None),
    ];
    for (method, uri, body) in foreign {
        let reply = as_account(client, &winner, method, &uri, body).await;
        assert_eq!(reply.0, 404, "{method} {uri} {reply:?}");
    }
    let change = Some(json!({"amount": 450}));
    let (status, changed) = as_account(client, &winner, Put, &profile(&own), change).await;
    assert_eq!(
        (status, &changed["amount"]),
        (200, &json!(450)),
        "{changed}"
    );
    world.end().await;
}

#[rstest]
#[case::buyer("buyer")]
#[case::seller("seller")]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_account_is_gone_reads_nothing(
    #[case] side: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let gone = world.account(side, json!({})).await;
    let other = world.account(side, json!({})).await;
    let own = format!("/v1/accounts/{gone}");
    world.client.ok(Delete, &own, None).await;
    for uri in [
        "/v1/accounts".to_owned(),
        format!("/v1/accounts/{other}"),
        format!("{own}/ledger_entries"),
        own,
        "/v1/ledger_entries".to_owned(),
        "/v1/calls".to_owned(),
        "/v1/bids".to_owned(),
    ] {
        let reply = as_account(&world.client, &gone, Get, &uri, None).await;
        assert_eq!(reason(&reply), (403, "ACCOUNT_GONE"), "{uri}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_moves_money_needs_the_operator(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let client = &world.client;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    let call = world.call(&campaign).await;
    world.route(&call).await;
    let pay = json!({"amount": 1, "currency": "USD"});
    let cases = [
        (Post, format!("/v1/accounts/{buyer}/deposits"), pay.clone()),
        (Post, format!("/v1/accounts/{buyer}/withdrawals"), pay),
        (
            Put,
            format!("/v1/accounts/{buyer}"),
            json!({"credit_limit": 1_000_000}),
        ),
        (
            Post,
            format!("/v1/calls/{call}/status"),
            json!({"status": "ringing"}),
        ),
        (
            Post,
            format!("/v1/calls/{call}/conversion"),
            json!({"kind": "press1", "converted": false}),
        ),
        (
            Post,
            "/v1/refunds".to_owned(),
            json!({"call_id": call, "amount": 1, "currency": "USD"}),
        ),
        (
            Put,
            format!("/v1/call_campaigns/{campaign}"),
            json!({"payout": 900}),
        ),
    ];
    for (method, uri, body) in cases {
        let reply = as_account(client, &buyer, method, &uri, Some(body)).await;
        assert_eq!(reason(&reply), (403, "SCOPE_REQUIRED"), "{method} {uri}");
    }
    let other = world.buyer(0, json!({})).await;
    let body = json!({"buyer_id": other, "amount": 1});
    let reply = as_account(client, &buyer, Post, "/v1/bid_profiles", Some(body)).await;
    assert_eq!(reason(&reply), (400, "INVALID_FIELD"));
    let body = Some(json!({"amount": 1}));
    let (status, made) = as_account(client, &buyer, Post, "/v1/bid_profiles", body).await;
    assert_eq!((status, &made["buyer_id"]), (200, &json!(buyer)));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_sets_itself_before_its_rivals(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let client = &world.client;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    let given = json!({"weight": 2, "priority": 5});
    let profile = world.profile(&buyer, &campaign, 500, given.clone()).await;
    let uri = format!("/v1/bid_profiles/{profile}");
    for field in ["weight", "priority"] {
        let cases = [
            (Put, uri.as_str(), json!({field: 1, "amount": 7})),
            (Post, "/v1/bid_profiles", json!({field: 1, "amount": 7})),
        ];
        for (method, uri, body) in cases {
            let reply = as_account(client, &buyer, method, uri, Some(body)).await;
            assert_eq!(reason(&reply), (400, "INVALID_FIELD"), "{method} {field}");
            assert!(text(&reply.1, "message").starts_with(field), "{reply:?}");
        }
    }
    for same in [given, json!({"weight": null, "priority": null})] {
        let (status, kept) = as_account(client, &buyer, Put, &uri, Some(same)).await;
        assert_eq!(
            (status, &kept["weight"], &kept["priority"], &kept["amount"]),
            (200, &json!(2), &json!(5), &json!(500)),
            "{kept}"
        );
    }
    let change = json!({"weight": null, "priority": 1});
    let set = client.ok(Put, &uri, Some(change)).await;
    assert_eq!((&set["weight"], &set["priority"]), (&Json::Null, &json!(1)));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_tenant_sees_nothing(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    let profile = world.profile(&buyer, &campaign, 500, json!({})).await;
    let call = world.call(&campaign).await;
    let auction = json!({"call_id": call});
    let auction = world.client.ok(Post, "/v1/auctions", Some(auction)).await;
    let other = world.client.within(Uuid::from_u128(8));
    for (method, uri) in [
        (Get, format!("/v1/accounts/{buyer}")),
        (Get, format!("/v1/call_campaigns/{campaign}")),
        (Get, format!("/v1/bid_profiles/{profile}")),
        (Get, format!("/v1/calls/{call}")),
        (Post, format!("/v1/calls/{call}/route")),
        (Get, format!("/v1/calls/{call}/explanation")),
        (Get, format!("/v1/auctions/{}", id(&auction))),
        (Post, format!("/v1/auctions/{}/close", id(&auction))),
    ] {
        let reply = other.call(method, &uri, None).await;
        assert_eq!(reply.0, 404, "{method} {uri} {reply:?}");
    }
    let seller = json!({"name": "x", "seller_id": text(&world.get("call_campaigns", &campaign).await, "seller_id")});
    let reply = other.call(Post, "/v1/call_campaigns", Some(seller)).await;
    assert_eq!(reason(&reply), (404, "ACCOUNT_NOT_FOUND"));
    for list in [
        "accounts",
        "calls",
        "bids",
        "auctions",
        "ledger_entries",
        "bid_profiles",
    ] {
        let rows = other.ok(Get, &format!("/v1/{list}"), None).await;
        assert_eq!(rows, json!([]), "{list}");
    }
    world.end().await;
}

#[rstest]
#[case("service")]
#[case("debt")]
#[case("emergency")]
#[tokio::test(flavor = "multi_thread")]
async fn a_sellers_key_says_of_no_call_that_it_is_no_solicitation(
    #[case] purpose: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let seller = text(&world.get("call_campaigns", &campaign).await, "seller_id").to_owned();
    let body = json!({
        "call_campaign_id": campaign, "direction": "outbound", "purpose": purpose,
        "from_number": "+14155550100", "to_number": "+14045550123",
    });
    let refused = as_account(
        &world.client,
        &seller,
        Post,
        "/v1/calls",
        Some(body.clone()),
    )
    .await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    assert!(
        text(&refused.1, "message").starts_with("purpose"),
        "{refused:?}"
    );
    assert_eq!(world.client.ok(Get, "/v1/calls", None).await, json!([]));
    let by_operator = world.client.call(Post, "/v1/calls", Some(body)).await;
    assert_eq!(by_operator.0, 200, "{by_operator:?}");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_seller_sees_neither_the_price_nor_the_checks_of_its_campaign(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({"revenue": 777, "payout": 300})).await;
    let uri = format!("/v1/call_campaigns/{campaign}");
    let whole = world.client.ok(Get, &uri, None).await;
    assert_eq!(
        (&whole["revenue"], &whole["fraud"]["block_at"]),
        (&json!(777), &json!(0.9))
    );
    let seller = text(&whole, "seller_id");
    let one = as_account(&world.client, seller, Get, &uri, None).await.1;
    let all = as_account(&world.client, seller, Get, "/v1/call_campaigns", None)
        .await
        .1;
    for seen in [&one, &all[0]] {
        assert_eq!(
            (&seen["revenue"], seen.get("fraud")),
            (&Json::Null, None),
            "{seen}"
        );
        assert_eq!(
            (text(seen, "id"), &seen["payout"]),
            (campaign.as_str(), &json!(300))
        );
    }
    world.end().await;
}
