//! What a seller is offered for a ping, for how long, and what it sees of it.

use super::*;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_standing_profile_is_sold_without_a_question(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::open(kind).await;
    let campaign = world.campaign(json!({"numbers": ["+14155550100"]})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 400, json!({})).await;
    let ping = world.ping(&campaign, json!({})).await;
    assert_eq!(
        (&ping["amount"], &ping["cached"]),
        (&json!(400), &json!(false))
    );
    let (status, accepted) = world.accept(&ping).await;
    assert_eq!(status, 200, "{accepted}");
    assert_eq!(accepted["status"], "reserved");
    let (status, again) = world.accept(&ping).await;
    assert_eq!((status, &again["call_id"]), (200, &accepted["call_id"]));
    assert_eq!(world.money(&buyer).await, (1_000, 400));
    let wrong = world.arrive(&ping, "+14155550124").await;
    assert_eq!(reason(&wrong), (409, "CALLER_ID_MISMATCH"));
    for elsewhere in [
        json!({"to_number": "+493012345678"}),
        json!({"call_campaign_id": Uuid::from_u128(9)}),
        json!({"direction": "outbound"}),
    ] {
        let mut body = json!({
            "ping_id": ping["id"], "from_number": CALLER, "to_number": "+14155550100",
        });
        let fields = elsewhere.as_object().unwrap();
        body.as_object_mut().unwrap().extend(fields.clone());
        let refused = world.client.call(Post, "/v1/calls", Some(body)).await;
        assert_eq!(reason(&refused), (400, "INVALID_FIELD"), "{elsewhere}");
        let field = fields.keys().next().unwrap();
        assert!(
            text(&refused.1, "message").starts_with(field),
            "{refused:?}"
        );
    }
    assert_eq!(world.arrive(&ping, CALLER).await.0, 200);
    let twice = world.arrive(&ping, CALLER).await;
    assert_eq!(reason(&twice), (409, "CALL_EXISTS"));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_same_question_is_asked_once(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::replicated_with(kind, SETTINGS).await;
    let campaign = world.campaign(json!({"ping_ms": 2_000})).await;
    let bidder = Bidder::new(|_| {
        std::thread::sleep(Duration::from_millis(100));
        (200, r#"{"amount": 500}"#.to_owned())
    });
    world.outside(&campaign, &bidder, json!({})).await;
    let pings = join_all((0..20).map(|_| world.ping(&campaign, json!({})))).await;
    assert!(
        pings.iter().all(|ping| ping["id"] == pings[0]["id"]),
        "{pings:?}"
    );
    let fresh = pings.iter().filter(|ping| ping["cached"] == false).count();
    assert_eq!((fresh, bidder.counts()), (1, (1, 0)));
    for more in [
        json!({"expose_caller_id": true}),
        json!({"zip": "94105"}),
        json!({"from_number": "+14155550124"}),
    ] {
        let other = world.ping(&campaign, more).await;
        assert_ne!(other["id"], pings[0]["id"]);
    }
    assert_eq!(bidder.counts(), (4, 0));
    assert_eq!(bidder.asked()[1].body["from_number"], CALLER);
    world.clock.shift(31 * 1_000_000);
    let later = world.ping(&campaign, json!({})).await;
    assert_eq!((&later["cached"], bidder.counts().0), (&json!(false), 5));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_ends(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::open(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 400, json!({})).await;
    let ignored = world.ping(&campaign, json!({})).await;
    let taken = world.ping(&campaign, json!({"zip": "94105"})).await;
    let (_, accepted) = world.accept(&taken).await;
    assert_eq!(world.money(&buyer).await, (1_000, 400));
    world.clock.shift(31 * 1_000_000);
    let late = world.accept(&ignored).await;
    assert_eq!(reason(&late), (409, "PING_EXPIRED"));
    assert_eq!(late.1["details"][0]["expires"], ignored["expires"]);
    until("the hold is gone", async || {
        (world.money(&buyer).await == (1_000, 0)).then_some(())
    })
    .await;
    let late = world.arrive(&taken, CALLER).await;
    assert_eq!(reason(&late), (409, "PING_EXPIRED"));
    assert_eq!(late.1["details"][0]["status"], "expired");
    let call = world.get("calls", text(&accepted, "call_id")).await;
    assert_eq!(
        (text(&call, "status"), text(&call, "reason")),
        ("canceled", "PING_EXPIRED")
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_promise_is_kept_or_the_call_is_not_taken(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::open(kind).await;
    let campaign = world.campaign(json!({"ping_ms": 2_000})).await;
    let fickle = Bidder::new(|asked| match asked.is_post() {
        true => (503, String::new()),
        false => (200, r#"{"amount": 700}"#.to_owned()),
    });
    let refused = world.outside(&campaign, &fickle, json!({})).await;
    let cheap = world.buyer(1_000, json!({})).await;
    world.profile(&cheap, &campaign, 400, json!({})).await;
    let ping = world.ping(&campaign, json!({})).await;
    assert_eq!(ping["amount"], 700);
    let nobody = world.accept(&ping).await;
    assert_eq!(reason(&nobody), (409, "NO_BIDS_AVAILABLE"));
    assert_eq!(world.money(&refused).await, (100_000, 0));
    assert_eq!(world.money(&cheap).await, (1_000, 0));
    let again = world.accept(&ping).await;
    assert_eq!(reason(&again), (409, "NO_BIDS_AVAILABLE"));
    world.end().await;
}

#[rstest]
#[case::no_caller(json!({"from_number": ""}), json!({}), 1100)]
#[case::wrong_tag(json!({}), json!({"criteria": {"tags": [{"key": "a", "op": "eq", "value": "b"}]}}), 1002)]
#[case::excluded(json!({}), json!({"criteria": {"exclude_numbers": [CALLER]}}), 1004)]
#[case::too_dear(json!({}), json!({"amount": 2_000}), 1006)]
#[case::nobody(json!({}), json!({"active": false}), 1003)]
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_no_call_says_why(#[case] ping: Json, #[case] profile: Json, #[case] code: i64) {
    let world = World::open(Kind::Embedded).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 400, profile).await;
    let ping = world.ping(&campaign, ping).await;
    assert_eq!(
        (&ping["accepted"], &ping["reject_code"]),
        (&json!(false), &json!(code)),
        "{ping}"
    );
    let refused = world.accept(&ping).await;
    assert_eq!(reason(&refused), (409, "PING_REJECTED"));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_seller_sees_its_payout_and_no_bidder(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::open(kind).await;
    let campaign = world.campaign(json!({"payout": 77})).await;
    let seller = text(&world.get("call_campaigns", &campaign).await, "seller_id").to_owned();
    let bidder = Bidder::bidding(500);
    let buyer = world.outside(&campaign, &bidder, json!({})).await;
    let body = json!({"call_campaign_id": campaign, "from_number": CALLER});
    let (status, ping) = as_account(
        &world.client,
        &seller,
        Post,
        "/v1/pings",
        Some(body.clone()),
    )
    .await;
    assert_eq!((status, &ping["amount"]), (200, &json!(77)));
    let uri = format!("/v1/pings/{}", text(&ping, "id"));
    let (_, seen) = as_account(&world.client, &seller, Get, &uri, None).await;
    for shown in [&ping, &seen] {
        assert!(!holds(shown, 500), "{shown}");
        assert!(!shown.to_string().contains(&buyer), "{shown}");
    }
    let other = world.account("seller", json!({})).await;
    for account in [&other, &buyer] {
        let reply = as_account(&world.client, account, Get, &uri, None).await;
        assert_eq!(reason(&reply), (404, "PING_NOT_FOUND"));
        let reply = as_account(
            &world.client,
            account,
            Post,
            "/v1/pings",
            Some(body.clone()),
        )
        .await;
        assert_eq!(reply.0, 404, "{reply:?}");
    }
    let foreign = world.client.within(Uuid::from_u128(8));
    let reply = foreign.call(Post, &format!("{uri}/accept"), None).await;
    assert_eq!(reason(&reply), (404, "PING_NOT_FOUND"));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_came_to_nothing_is_forgotten(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::open(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 400, json!({})).await;
    let ignored = world.ping(&campaign, json!({"zip": "94105"})).await;
    let taken = world.ping(&campaign, json!({})).await;
    assert_eq!(world.accept(&taken).await.0, 200);
    let status = async |ping: &Json| {
        let uri = format!("/v1/pings/{}", text(ping, "id"));
        world.client.call(Get, &uri, None).await.0
    };
    for (hours, expected) in [(23, 200), (25, 404)] {
        let at = world.clock.now().plus(Duration::from_secs(hours * 3_600));
        world.sweep(at).await;
        assert_eq!(
            (status(&ignored).await, status(&taken).await),
            (expected, 200),
            "{hours}"
        );
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_standing_profiles_bid_is_one_offer_in_all_processes(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated_with(kind, SETTINGS).await;
    let campaign = world.campaign(json!({"ping_ms": 2_000})).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 400, json!({})).await;
    for round in 1..=3 {
        let pings = join_all((0..20).map(|_| world.ping(&campaign, json!({})))).await;
        let same = pings.iter().all(|ping| ping["id"] == pings[0]["id"]);
        assert!(same, "{round}: {pings:?}");
        let accepted = join_all(pings.iter().map(|ping| world.accept(ping))).await;
        assert!(accepted.iter().all(|reply| reply.0 == 200), "{accepted:?}");
        assert_eq!(world.money(&buyer).await, (10_000, 400 * round));
        // It comes, so the next question is another one.
        assert_eq!(world.arrive(&pings[0], CALLER).await.0, 200);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_calls_too_often_is_refused_by_the_trades_number_for_it() {
    let world = World::open(Kind::Embedded).await;
    let fraud = json!({"calls_per_caller_hour": 1});
    let campaign = world.campaign(json!({"fraud": fraud})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 400, json!({})).await;
    world.call(&campaign).await;
    let ping = world.ping(&campaign, json!({})).await;
    assert_eq!(
        (&ping["accepted"], &ping["reject_code"]),
        (&json!(false), &json!(1024)),
        "{ping}"
    );
    world.end().await;
}
