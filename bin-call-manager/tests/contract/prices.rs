//! What a buyer pays and what counts against it: nobody pays for who could not have the call, more than it bids, twice for one
//! person, or for a call that never came.

use bin_common_handler::{
    models::sock::Method::{Post, Put},
    testing::{Kind, until},
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id, reason, text};

const CALLER: &str = "+14155550123";

async fn ping(world: &World, campaign: &str, caller: &str, tags: Json) -> Json {
    let body = json!({"call_campaign_id": campaign, "from_number": caller, "tags": tags});
    world.client.ok(Post, "/v1/pings", Some(body)).await
}

async fn accept(world: &World, ping: &Json, body: Json) -> (u16, Json) {
    let uri = format!("/v1/pings/{}/accept", id(ping));
    world.client.call(Post, &uri, Some(body)).await
}

async fn change(world: &World, what: &str, id: &str, change: Json) {
    let uri = format!("/v1/{what}/{id}");
    world.client.ok(Put, &uri, Some(change)).await;
}

async fn open(world: &World, call: &str) -> Json {
    let body = json!({"call_id": call});
    world.client.ok(Post, "/v1/auctions", Some(body)).await
}

async fn bid(world: &World, auction: &Json, buyer: &str, amount: i64, to: &str) -> (u16, Json) {
    let uri = format!("/v1/auctions/{}/bids", id(auction));
    let body = json!({"buyer_id": buyer, "amount": amount, "currency": "USD", "destination": to});
    world.client.call(Post, &uri, Some(body)).await
}

async fn close(world: &World, auction: &Json) -> Json {
    let uri = format!("/v1/auctions/{}/close", id(auction));
    world.client.ok(Post, &uri, None).await
}

const SECOND: &str =
    r#"{"form": "second_price", "reserve": 100, "increment": 1, "window_ms": 60000}"#;

#[rstest]
#[case::nowhere("")]
#[case::abroad("+493012345678")]
#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_have_the_call_sets_no_price(
    #[case] destination: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let terms: Json = serde_json::from_str(SECOND).unwrap();
    let campaign = world.campaign(json!({"auction": terms})).await;
    let honest = world.buyer(10_000, json!({})).await;
    world.profile(&honest, &campaign, 700, json!({})).await;
    let shill = world.buyer(10_000, json!({})).await;
    let to = json!({"destination": destination});
    world.profile(&shill, &campaign, 690, to).await;

    let call = world.call(&campaign).await;
    assert_eq!(world.route(&call).await.1["price"], 100);
    let uri = format!("/v1/calls/{call}/explanation");
    let why = world
        .client
        .ok(bin_common_handler::models::sock::Method::Get, &uri, None)
        .await;
    let rows = why["candidates"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["buyer_id"] == json!(shill))
        .unwrap();
    assert_eq!(
        (&row["excluded_by"], &row["rank"]),
        (&json!("DESTINATION_NOT_ALLOWED"), &Json::Null)
    );

    let offer = ping(&world, &campaign, "+14155550124", json!({})).await;
    assert_eq!(offer["amount"], 100, "{offer}");

    let call = world.call(&campaign).await;
    let auction = open(&world, &call).await;
    if !destination.is_empty() {
        assert_eq!(bid(&world, &auction, &shill, 695, destination).await.0, 200);
    }
    close(&world, &auction).await;
    assert_eq!(world.get("calls", &call).await["price"], 100);
    world.end().await;
}

#[rstest]
#[case::attempt("attempt")]
#[case::connect("connect")]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_never_comes_counts_towards_no_cap(
    #[case] counts: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let caps = json!({"total_cap": 2, "daily_cap": 2, "cap_counts": counts});
    let buyer = world.buyer(10_000, caps).await;
    world.profile(&buyer, &campaign, 100, json!({})).await;
    for caller in ["+14155550131", "+14155550132"] {
        let offer = ping(&world, &campaign, caller, json!({})).await;
        assert_eq!(accept(&world, &offer, json!({})).await.0, 200);
    }
    let call = world.call(&campaign).await;
    assert_eq!(
        reason(&world.route(&call).await),
        (409, "NO_BIDS_AVAILABLE")
    );
    world.clock.shift(31 * 1_000_000);
    until("the holds are gone", async || {
        (world.money(&buyer).await == (10_000, 0)).then_some(())
    })
    .await;
    // Both are free again, and not one more.
    for expected in [200, 200, 409] {
        let call = world.call(&campaign).await;
        let (status, reply) = world.route(&call).await;
        assert_eq!(status, expected, "{reply}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_pays_more_than_it_bids(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let terms = json!({"window_ms": 60_000});
    let more = json!({"revenue": 500, "payout": 300, "auction": terms});
    let campaign = world.campaign(more).await;
    let cheap = world.buyer(50_000, json!({})).await;
    world.profile(&cheap, &campaign, 100, json!({})).await;
    let refused = world.route(&world.call(&campaign).await).await;
    let named = &refused.1["details"][0]["candidates"][0];
    assert_eq!(named["excluded_by"], "PRICE_TOO_HIGH", "{refused:?}");

    let buyer = world.buyer(50_000, json!({})).await;
    let call = world.call(&campaign).await;
    let auction = open(&world, &call).await;
    let low = bid(&world, &auction, &buyer, 499, "+14155550177").await;
    assert_eq!(reason(&low), (400, "BID_TOO_LOW"));
    assert_eq!(
        bid(&world, &auction, &buyer, 20_000, "+14155550177")
            .await
            .0,
        200
    );
    world.profile(&buyer, &campaign, 20_000, json!({})).await;
    let offer = ping(&world, &campaign, "+14155550141", json!({})).await;
    assert_eq!(offer["amount"], 300, "{offer}");

    // What is set afterwards is for what is offered afterwards.
    let later = json!({"revenue": 9_000, "payout": 8_000});
    change(&world, "call_campaigns", &campaign, later).await;
    close(&world, &auction).await;
    let sums = |call: &Json| (call["price"].clone(), call["payout"].clone());
    assert_eq!(
        sums(&world.get("calls", &call).await),
        (json!(500), json!(300))
    );
    let (status, accepted) = accept(&world, &offer, json!({})).await;
    assert_eq!(status, 200, "{accepted}");
    let reserved = world.get("calls", text(&accepted, "call_id")).await;
    assert_eq!(sums(&reserved), (json!(500), json!(300)));
    let (_, routed) = world.route(&world.call(&campaign).await).await;
    assert_eq!(sums(&routed), (json!(9_000), json!(8_000)));
    world.end().await;
}

#[rstest]
#[case::of_all("all", "connect")]
#[case::of_one("buyer", "connect")]
#[case::converted("all", "conversion")]
#[tokio::test(flavor = "multi_thread")]
async fn calls_of_one_person_at_once_are_sold_once(
    #[case] scope: &str,
    #[case] after: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let duplicates = json!({"scope": scope, "after": after, "days": 30});
    let conversion = json!({"kind": "postback"});
    let campaign = world
        .campaign(json!({"duplicates": duplicates, "conversion": conversion}))
        .await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    let mut calls = Vec::new();
    for _ in 0..8 {
        calls.push(world.call(&campaign).await);
    }
    let routed = join_all(calls.iter().map(|call| world.route(call))).await;
    let sold: Vec<&Json> = routed
        .iter()
        .filter(|(status, _)| *status == 200)
        .map(|(_, call)| call)
        .collect();
    assert_eq!(sold.len(), 1, "{routed:?}");
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    // While it is spoken, and until it is known whether it converted.
    let sold = id(sold[0]);
    let next = world.call(&campaign).await;
    for states in [&["ringing", "in_progress"][..], &["completed"][..]] {
        world.reports(&sold, states).await;
        assert_eq!(
            reason(&world.route(&next).await),
            (409, "NO_BIDS_AVAILABLE")
        );
    }
    let told = json!({"kind": "postback", "converted": false});
    let uri = format!("/v1/calls/{sold}/conversion");
    world.client.ok(Post, &uri, Some(told)).await;
    let expected = if after == "conversion" { 200 } else { 409 };
    assert_eq!(world.route(&next).await.0, expected);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_caller_is_held_once(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::replicated(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    let mut offers = Vec::new();
    for n in 0..8 {
        offers.push(ping(&world, &campaign, CALLER, json!({"n": n.to_string()})).await);
    }
    let accepts = offers
        .iter()
        .map(|offer| accept(&world, offer, json!({"reference": id(offer)})));
    let accepted = join_all(accepts).await;
    let mut taken = Vec::new();
    for (offer, reply) in offers.iter().zip(&accepted) {
        match reply.0 {
            200 => taken.push(offer),
            _ => {
                assert_eq!(reason(reply), (409, "CALLER_RESERVED"));
                assert_eq!(reply.1["details"][0]["reject_code"], 1004);
            }
        }
    }
    assert_eq!(taken.len(), 1, "{accepted:?}");
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    // Accepting again is the same, and names no other call.
    let again = accept(&world, taken[0], json!({})).await;
    assert_eq!(again.0, 200, "{again:?}");
    let same = accept(&world, taken[0], json!({"reference": id(taken[0])})).await;
    assert_eq!(same.0, 200, "{same:?}");
    let spaced = json!({"reference": format!(" {} ", id(taken[0]))});
    let same = accept(&world, taken[0], spaced).await;
    assert_eq!(same.0, 200, "{same:?}");
    let other = accept(&world, taken[0], json!({"reference": "R2"})).await;
    assert_eq!(reason(&other), (409, "REFERENCE_MISMATCH"));
    // Another caller is another call.
    let offer = ping(&world, &campaign, "+14155550151", json!({})).await;
    assert_eq!(accept(&world, &offer, json!({})).await.0, 200);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn another_zone_opens_no_new_day(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world
        .buyer(
            10_000,
            json!({"daily_cap": 2, "timezone": "America/New_York"}),
        )
        .await;
    world.profile(&buyer, &campaign, 100, json!({})).await;
    let mut sold = 0;
    for zone in [
        "America/New_York",
        "Asia/Tokyo",
        "Europe/Berlin",
        "Pacific/Auckland",
    ] {
        change(&world, "accounts", &buyer, json!({"timezone": zone})).await;
        for _ in 0..3 {
            let (status, _) = world.route(&world.call(&campaign).await).await;
            sold += u32::from(status == 200);
        }
    }
    assert_eq!(sold, 2);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_out_for_a_free_call_goes_back(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let terms = json!({"form": "second_price", "reserve": 0, "increment": 0});
    let campaign = world
        .campaign(json!({"auction": terms, "payout": 300}))
        .await;
    let seller = text(&world.get("call_campaigns", &campaign).await, "seller_id").to_owned();
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    let call = world.call(&campaign).await;
    assert_eq!(world.route(&call).await.1["price"], 0);
    world
        .reports(&call, &["ringing", "in_progress", "completed"])
        .await;
    assert_eq!(world.money(&seller).await, (300, 0));
    let refund = async |amount: i64| {
        let body = json!({"call_id": call, "amount": amount, "currency": "USD"});
        world.client.call(Post, "/v1/refunds", Some(body)).await
    };
    assert_eq!(reason(&refund(1).await), (409, "REFUND_TOO_LARGE"));
    let (status, back) = refund(0).await;
    assert_eq!((status, &back["reversed"]), (200, &json!(300)), "{back}");
    assert_eq!(world.money(&seller).await, (0, 0));
    assert_eq!(world.money(&buyer).await, (1_000, 0));
    assert_eq!(reason(&refund(0).await), (409, "REFUND_TOO_LARGE"));
    world.end().await;
}
