//! The winner is told: once, and by whoever is there; it may refuse, but not for ever.

use super::*;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn two_accepts_at_once_are_one_call(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::replicated_with(kind, SETTINGS).await;
    let campaign = world.campaign(json!({"ping_ms": 2_000})).await;
    let bidder = Bidder::bidding(500);
    let buyer = world.outside(&campaign, &bidder, json!({})).await;
    let ping = world.ping(&campaign, json!({})).await;
    let replies = join_all((0..10).map(|_| world.accept(&ping))).await;
    for reply in &replies {
        assert_eq!(
            (reply.0, &reply.1["call_id"]),
            (200, &replies[0].1["call_id"]),
            "{reply:?}"
        );
    }
    assert_eq!(world.money(&buyer).await, (100_000, 500));
    let calls = world.client.ok(Get, "/v1/calls", None).await;
    assert_eq!(calls.as_array().unwrap().len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_dies_before_the_post_leaves_a_job() {
    // The embedded default does not let go of its folder when it is killed within its process.
    let mut world = World::open(Kind::Full).await;
    let campaign = world.campaign(json!({"ping_ms": 2_000})).await;
    let bidder = Bidder::new(|asked| {
        if asked.is_post() && asked.head.contains("slow") {
            std::thread::sleep(Duration::from_millis(1_500));
        }
        (
            200,
            r#"{"amount": 500, "expires_in_seconds": 300}"#.to_owned(),
        )
    });
    let slow = json!({"headers": {"x-manner": "slow"}});
    let buyer = world.outside(&campaign, &bidder, slow).await;
    let ping = world.ping(&campaign, json!({})).await;
    let uri = format!("/v1/pings/{}/accept", text(&ping, "id"));
    let client = world.client.clone();
    // The accept is cut off while the bidder thinks.
    let accept = async { client.call(Post, &uri, None).await };
    let told = async {
        until("the bidder is told", async || {
            (bidder.counts().1 > 0).then_some(())
        })
        .await;
    };
    tokio::select! {
        _ = accept => panic!("it waits for the bidder"),
        () = told => {}
    }
    assert_eq!(world.money(&buyer).await, (100_000, 500));
    world.restart().await;
    world.clock.shift(12 * 1_000_000);
    let done = async || {
        let (status, accepted) = world.accept(&ping).await;
        (status == 200).then_some(accepted)
    };
    let accepted = until("it is accepted", done).await;
    assert_ne!(accepted["call_id"], Json::Null);
    assert_eq!(world.money(&buyer).await, (100_000, 500));
    let keys: Vec<String> = bidder
        .asked()
        .iter()
        .filter(|asked| asked.is_post())
        .filter_map(|asked| {
            let mut lines = asked.head.lines();
            lines
                .find(|line| line.starts_with("idempotency-key"))
                .map(str::to_owned)
        })
        .collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_bids_and_refuses_is_not_asked_for_a_while_by_any_process(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated_with(kind, SETTINGS).await;
    let campaign = world.campaign(json!({"ping_ms": 2_000})).await;
    let fickle = Bidder::new(|asked| match asked.is_post() {
        true => (200, r#"{"reject_reason": "changed my mind"}"#.to_owned()),
        false => (200, r#"{"amount": 700}"#.to_owned()),
    });
    let fickle_buyer = world.outside(&campaign, &fickle, json!({})).await;
    let honest = Bidder::bidding(500);
    let honest_buyer = world.outside(&campaign, &honest, json!({})).await;
    for _ in 0..3 {
        let ping = world.ping(&campaign, json!({})).await;
        assert_eq!(ping["amount"], 700);
        let nobody = world.accept(&ping).await;
        assert_eq!(reason(&nobody), (409, "NO_BIDS_AVAILABLE"));
    }
    let ping = world.ping(&campaign, json!({})).await;
    assert_eq!(ping["amount"], 500, "{ping}");
    assert_eq!(reason_of(&ping, &fickle_buyer), "REFUSES_POSTS");
    assert_eq!(world.accept(&ping).await.0, 200);
    assert_eq!(fickle.counts(), (3, 3));
    assert_eq!(world.money(&honest_buyer).await, (100_000, 500));
    world.clock.shift(61 * 1_000_000);
    let later = world.ping(&campaign, json!({"zip": "94105"})).await;
    assert_eq!(later["amount"], 700, "it is asked again");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_a_call_may_refuse_as_often_again(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::open(kind).await;
    let campaign = world.campaign(json!({"ping_ms": 2_000})).await;
    let posts = AtomicUsize::new(0);
    // It takes the third call.
    let fickle = Bidder::new(move |asked| match asked.is_post() {
        true if posts.fetch_add(1, Ordering::Relaxed) != 2 => {
            (200, r#"{"reject_reason": "changed my mind"}"#.to_owned())
        }
        _ => (200, r#"{"amount": 700}"#.to_owned()),
    });
    world.outside(&campaign, &fickle, json!({})).await;
    for round in 1..=6 {
        let from = json!({"from_number": format!("+1415555013{round}")});
        let ping = world.ping(&campaign, from).await;
        assert_eq!(ping["amount"], 700, "{round}: {ping}");
        let status = world.accept(&ping).await.0;
        assert_eq!(status, if round == 3 { 200 } else { 409 }, "{round}");
    }
    // Three in a row now.
    let ping = world.ping(&campaign, json!({})).await;
    assert_eq!(ping["accepted"], false, "{ping}");
    world.end().await;
}

#[rstest]
#[case::by_code(200, r#"{"reject_code": 1006}"#, "POST_REJECTED")]
#[case::with_its_words(200, r#"{"accepted": false, "rejectReason": 5}"#, "POST_REJECTED")]
#[case::by_a_page(200, "<html>Sorry</html>", "POST_UNCLEAR")]
#[case::by_status(409, "{}", "POST_STATUS_409")]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_no_clear_yes_takes_goes_to_the_next(
    #[case] status: u16,
    #[case] said: &'static str,
    #[case] why: &str,
) {
    let world = World::open(Kind::Embedded).await;
    let terms = json!({"payout": 300, "ping_ms": 2_000});
    let campaign = world.campaign(terms).await;
    let odd = Bidder::new(move |asked| match asked.is_post() {
        true => (status, said.to_owned()),
        false => (
            200,
            r#"{"amount": 700, "expires_in_seconds": 300}"#.to_owned(),
        ),
    });
    let odd_buyer = world.outside(&campaign, &odd, json!({})).await;
    let plain = Bidder::bidding(500);
    let plain_buyer = world.outside(&campaign, &plain, json!({})).await;
    let ping = world.ping(&campaign, json!({})).await;
    let (code, accepted) = world.accept(&ping).await;
    assert_eq!(code, 200, "{accepted}");
    let call = world.get("calls", text(&accepted, "call_id")).await;
    assert_eq!(text(&call, "buyer_id"), plain_buyer, "{call}");
    assert_eq!(call["attempts"][0]["outcome"], "refused");
    let kept = world.get("pings", text(&ping, "id")).await;
    assert_eq!(reason_of(&kept, &odd_buyer), why, "{kept}");
    assert_eq!(world.money(&odd_buyer).await, (100_000, 0));
    world.end().await;
}
