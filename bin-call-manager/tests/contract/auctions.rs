//! Auctions: sealed bids, first and second price, and an end that comes whoever is away.

use bin_common_handler::{
    models::sock::Method::{Get, Post, Put},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id, long_auctions, reason, text};

async fn open(world: &World, call: &str) -> Json {
    let body = json!({"call_id": call});
    world.client.ok(Post, "/v1/auctions", Some(body)).await
}

async fn bid(world: &World, auction: &Json, buyer: &str, amount: i64) -> (u16, Json) {
    let uri = format!("/v1/auctions/{}/bids", id(auction));
    let body = json!({
        "buyer_id": buyer, "amount": amount, "currency": "USD", "destination": "+14155550177",
    });
    world.client.call(Post, &uri, Some(body)).await
}

async fn close(world: &World, auction: &Json) -> Json {
    let uri = format!("/v1/auctions/{}/close", id(auction));
    world.client.ok(Post, &uri, None).await
}

#[rstest]
#[case::first("first_price", 500)]
#[case::second("second_price", 410)]
#[tokio::test(flavor = "multi_thread")]
async fn the_best_bid_wins_at_the_price_of_its_form(
    #[case] form: &str,
    #[case] price: i64,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let terms = json!({"form": form, "reserve": 100, "increment": 10, "window_ms": 60_000});
    let campaign = world.campaign(json!({"auction": terms})).await;
    let standing = world.buyer(1_000, json!({})).await;
    world.profile(&standing, &campaign, 400, json!({})).await;
    let other = world.buyer(1_000, json!({})).await;
    let call = world.call(&campaign).await;
    let auction = open(&world, &call).await;
    assert_eq!(auction["status"], "active");
    assert_eq!(
        reason(&bid(&world, &auction, &other, 99).await),
        (400, "BID_TOO_LOW")
    );
    let placed = bid(&world, &auction, &other, 500).await;
    assert_eq!(
        (placed.0, &placed.1["status"]),
        (200, &json!("active")),
        "{placed:?}"
    );

    let closed = close(&world, &auction).await;
    assert_eq!(closed["status"], "completed", "{closed}");
    assert_eq!(
        close(&world, &auction).await,
        closed,
        "closing again changes nothing"
    );
    let call = world.get("calls", &call).await;
    assert_eq!(
        (&call["buyer_id"], &call["price"]),
        (&json!(other), &json!(price))
    );
    assert_eq!(call["destination"], "+14155550177");
    assert_eq!(world.money(&other).await, (1_000, price));
    let uri = format!("/v1/auctions/{}/bids", id(&auction));
    let bids = world.client.ok(Get, &uri, None).await;
    let states: Vec<&str> = bids
        .as_array()
        .unwrap()
        .iter()
        .map(|bid| text(bid, "status"))
        .collect();
    assert_eq!(states, ["won", "lost"]);
    let late = bid(&world, &auction, &other, 900).await;
    assert_eq!(reason(&late), (409, "AUCTION_EXPIRED"));
    assert_eq!(late.1["details"][0]["status"], "completed");

    // The winner is busy: the standing bid is next, and no bid of the winner sets its price.
    let call = id(&call);
    world.reports(&call, &["ringing", "busy"]).await;
    let call = world.get("calls", &call).await;
    assert_eq!(call["buyer_id"], json!(standing), "{call}");
    let expected = if form == "first_price" { 400 } else { 100 };
    assert_eq!(world.money(&standing).await, (1_000, expected));
    assert_eq!(world.money(&other).await, (1_000, 0));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_auction_that_nobody_closes_is_closed_by_its_timer(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let terms = json!({"window_ms": 600_000, "soft_close_ms": 60_000});
    let campaign = world.campaign(json!({"auction": terms})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    let call = world.call(&campaign).await;
    let auction = open(&world, &call).await;
    assert_eq!(bid(&world, &auction, &buyer, 300).await.0, 200);
    let twice = world
        .client
        .call(Post, "/v1/auctions", Some(json!({"call_id": call})))
        .await;
    assert_eq!(reason(&twice), (409, "INVALID_CALL_STATE"));
    assert_eq!(
        reason(&world.route(&call).await),
        (409, "INVALID_CALL_STATE")
    );
    // Within the last minute, however slow the test is.
    world.clock.shift(560_000_000);
    assert_eq!(bid(&world, &auction, &buyer, 310).await.0, 200);
    let moved = world.get("auctions", &id(&auction)).await;
    assert_ne!(
        moved["tm_end"], auction["tm_end"],
        "a late bid moves the end"
    );
    world.clock.shift(700_000_000);
    world.closed(&auction).await;
    assert_eq!(world.get("calls", &call).await["price"], 310);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn without_a_bid_the_call_is_free_again_and_a_canceled_call_ends_its_auction(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let campaign = world.campaign(long_auctions()).await;
    let call = world.call(&campaign).await;
    let auction = open(&world, &call).await;
    assert_eq!(close(&world, &auction).await["status"], "expired");
    assert_eq!(
        world.get("calls", &call).await["reason"],
        "NO_BIDS_AVAILABLE"
    );
    let again = open(&world, &call).await;
    let buyer = world.buyer(1_000, json!({})).await;
    let (_, placed) = bid(&world, &again, &buyer, 300).await;
    world.reports(&call, &["canceled"]).await;
    assert_eq!(
        world.get("auctions", &id(&again)).await["status"],
        "canceled"
    );
    let bids = world.client.ok(Get, "/v1/bids", None).await;
    assert_eq!(
        (&bids[0]["id"], &bids[0]["status"]),
        (&placed["id"], &json!("canceled"))
    );
    assert_eq!(world.money(&buyer).await, (1_000, 0));
    let kinds = || -> Vec<String> {
        let all = events.heard();
        all.iter().map(|heard| heard.event.kind.clone()).collect()
    };
    until("both auctions are told to be closed", async || {
        let closed = kinds().into_iter().filter(|kind| kind == "auction_closed");
        (closed.count() == 2).then_some(())
    })
    .await;
    assert!(kinds().contains(&"bid_placed".to_owned()));
    assert!(
        !kinds().contains(&"bid_lost".to_owned()),
        "nobody won, so nobody lost"
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_auction_ends_as_it_stood_at_its_end_and_under_its_own_terms(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let terms =
        json!({"form": "second_price", "reserve": 100, "increment": 10, "window_ms": 60_000});
    let campaign = world.campaign(json!({"auction": terms})).await;
    let call = world.call(&campaign).await;
    let auction = open(&world, &call).await;
    let bids = [(800, 30), (700, 65), (600, 300), (500, 300)];
    let buyers = world.bids(&auction, &bids).await;
    // Nobody was there at its end; what ended before it is out, what ended since is not.
    world.clock.shift(90_000_000);
    world.closed(&auction).await;
    let sold = world.get("calls", &call).await;
    assert_eq!(
        (&sold["buyer_id"], &sold["price"]),
        (&json!(buyers[1]), &json!(610)),
        "{sold}"
    );
    assert_eq!(world.money(&buyers[0]).await, (1_000, 0));
    // The campaign changes its terms; the auction's count for whoever is next.
    let uri = format!("/v1/call_campaigns/{campaign}");
    let change = json!({"auction": null});
    world.client.ok(Put, &uri, Some(change)).await;
    world.reports(&call, &["ringing", "busy"]).await;
    let sold = world.get("calls", &call).await;
    assert_eq!(
        (&sold["buyer_id"], &sold["price"]),
        (&json!(buyers[2]), &json!(510)),
        "{sold}"
    );
    world.end().await;
}

#[rstest]
#[case::as_the_auction("USD")]
#[case::as_its_account("EUR")]
#[tokio::test(flavor = "multi_thread")]
async fn who_pays_in_another_currency_cannot_bid(
    #[case] currency: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(0, json!({"currency": "EUR"})).await;
    let call = world.call(&campaign).await;
    let auction = open(&world, &call).await;
    let uri = format!("/v1/auctions/{}/bids", id(&auction));
    let body = json!({
        "buyer_id": buyer, "amount": 500, "currency": currency, "destination": "+14155550177",
    });
    let refused = world.client.call(Post, &uri, Some(body)).await;
    assert_eq!(reason(&refused), (400, "CURRENCY_MISMATCH"));
    assert_eq!(world.client.ok(Get, "/v1/bids", None).await, json!([]));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_fills_an_auction_alone(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(long_auctions()).await;
    let greedy = world.buyer(0, json!({})).await;
    for amount in 1..=25 {
        world.profile(&greedy, &campaign, amount, json!({})).await;
    }
    let call = world.call(&campaign).await;
    let deposited = world.deposit(&greedy, 1_000).await;
    assert_eq!(deposited["balance"], 1_000);
    let auction = open(&world, &call).await;
    let bids = world.client.ok(Get, "/v1/bids?page_size=100", None).await;
    let mut amounts: Vec<i64> = bids
        .as_array()
        .unwrap()
        .iter()
        .map(|bid| bid["amount"].as_i64().unwrap())
        .collect();
    amounts.sort_unstable();
    assert_eq!(amounts, (6..=25).collect::<Vec<_>>());
    for amount in 1..=20 {
        assert_eq!(bid(&world, &auction, &greedy, amount).await.0, 200);
    }
    let more = bid(&world, &auction, &greedy, 900).await;
    assert_eq!(reason(&more), (429, "TOO_MANY_BIDS"));
    let honest = world.buyer(1_000, json!({})).await;
    assert_eq!(bid(&world, &auction, &honest, 300).await.0, 200);
    close(&world, &auction).await;
    assert_eq!(world.get("calls", &call).await["buyer_id"], json!(honest));
    world.end().await;
}
