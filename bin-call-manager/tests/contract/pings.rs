//! Ping and post, with real bidders over HTTP.

use std::{io::Write, time::Duration};

use bin_call_manager::sweep;
use bin_common_handler::{
    models::sock::Method::{Get, Post, Put},
    testing::{Kind, until},
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    bidder::Bidder,
    world::{World, as_account, id, reason, text},
};

const CALLER: &str = "+14155550123";
const SETTINGS: &[(&str, &str)] = &[
    ("ALLOW_PRIVATE_ENDPOINTS", "true"),
    ("SECRETS_KEY", "0123456789abcdef0123456789abcdef"),
];

impl World {
    async fn open(kind: Kind) -> Self {
        Self::with_settings(kind, SETTINGS).await
    }

    /// A buyer with money whose endpoint bids.
    async fn outside(&self, campaign: &str, bidder: &Bidder, more: Json) -> String {
        let buyer = self.buyer(100_000, json!({})).await;
        self.profile(
            &buyer,
            campaign,
            0,
            json!({"amount": null, "endpoint": endpoint(bidder, more)}),
        )
        .await;
        buyer
    }

    async fn ping(&self, campaign: &str, more: Json) -> Json {
        let mut body = json!({"call_campaign_id": campaign, "from_number": CALLER});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.client.ok(Post, "/v1/pings", Some(body)).await
    }

    async fn accept(&self, ping: &Json) -> (u16, Json) {
        let uri = format!("/v1/pings/{}/accept", text(ping, "id"));
        self.client.call(Post, &uri, None).await
    }

    async fn arrive(&self, ping: &Json, from_number: &str) -> (u16, Json) {
        let body = json!({
            "ping_id": ping["id"], "from_number": from_number, "to_number": "+14155550100",
            "reference": format!("call of {}", text(ping, "id")),
        });
        self.client.call(Post, "/v1/calls", Some(body)).await
    }
}

fn endpoint(bidder: &Bidder, more: Json) -> Json {
    let mut endpoint = json!({"url": bidder.url, "timeout_ms": 2_000});
    endpoint
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    endpoint
}

fn reason_of(ping: &Json, buyer: &str) -> String {
    let dropped = ping["dropped"].as_array().unwrap();
    let found = dropped.iter().find(|one| one["buyer_id"] == json!(buyer));
    found.map_or(String::new(), |one| text(one, "reason").to_owned())
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn five_bidders_and_one_call(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::open(kind).await;
    let campaign = world
        .campaign(json!({"payout": 300, "ping_ms": 2_000, "numbers": ["+14155550100"]}))
        .await;
    let fast = Bidder::bidding(500);
    let slow = Bidder::new(|_| {
        std::thread::sleep(Duration::from_millis(150));
        (
            200,
            r#"{"amount": 600, "currency": "USD", "destination": "+14155550177"}"#.to_owned(),
        )
    });
    let late = Bidder::new(|_| {
        std::thread::sleep(Duration::from_secs(3));
        (200, r#"{"amount": 9000}"#.to_owned())
    });
    let broken = Bidder::new(|_| (200, r#"{"amount": "lots"}"#.to_owned()));
    let fickle = Bidder::new(|asked| match asked.is_post() {
        true => (200, r#"{"reject_reason": "changed my mind"}"#.to_owned()),
        false => (200, r#"{"amount": 700}"#.to_owned()),
    });
    let key = json!({"headers": {"X-Api-Key": "s3cret"}});
    let fast_buyer = world.outside(&campaign, &fast, key).await;
    let slow_buyer = world.outside(&campaign, &slow, json!({})).await;
    let late_buyer = world
        .outside(&campaign, &late, json!({"timeout_ms": 400}))
        .await;
    let broken_buyer = world.outside(&campaign, &broken, json!({})).await;
    let fickle_buyer = world.outside(&campaign, &fickle, json!({})).await;

    let ping = world.ping(&campaign, json!({"tags": {"a": "b"}})).await;
    assert_eq!(
        (&ping["accepted"], &ping["amount"], &ping["destination"]),
        (&json!(true), &json!(300), &json!("+14155550100")),
        "{ping}"
    );
    assert_eq!(reason_of(&ping, &late_buyer), "LATE");
    assert_eq!(reason_of(&ping, &broken_buyer), "BROKEN");
    let asked = &fast.asked()[0];
    assert!(asked.head.contains("x-api-key: s3cret"), "{asked:?}");
    assert_eq!(
        (&asked.body["from_number"], &asked.body["tags"]["a"]),
        (&json!("415555"), &json!("b"))
    );

    let (status, accepted) = world.accept(&ping).await;
    assert_eq!(status, 200, "{accepted}");
    assert_eq!(fickle.counts(), (1, 1), "it was told, and refused");
    assert_eq!(slow.counts(), (1, 1), "then the next was");
    assert_eq!(fast.counts(), (1, 0));
    let post = slow.asked().pop().unwrap();
    assert_eq!(post.body["from_number"], CALLER);
    assert!(post.head.contains("idempotency-key: "), "{post:?}");
    let call = world.get("calls", text(&accepted, "call_id")).await;
    assert_eq!(
        (text(&call, "buyer_id"), &call["price"], &call["payout"]),
        (slow_buyer.as_str(), &json!(600), &json!(300))
    );
    assert_eq!(call["attempts"][0]["outcome"], "refused");
    assert_eq!(call["destination"], "+14155550177");
    assert_eq!(world.money(&fickle_buyer).await, (100_000, 0));
    assert_eq!(world.money(&slow_buyer).await, (100_000, 600));

    let (status, call) = world.arrive(&ping, CALLER).await;
    assert_eq!((status, text(&call, "status")), (200, "queued"), "{call}");
    world
        .reports(&id(&call), &["ringing", "in_progress", "completed"])
        .await;
    assert_eq!(world.money(&slow_buyer).await, (99_400, 0));
    assert_eq!(world.money(&fast_buyer).await, (100_000, 0));
    let seller = text(&call, "seller_id").to_owned();
    assert_eq!(world.money(&seller).await, (300, 0));
    world.end().await;
}

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
    until("the hold is gone", async || {
        (world.money(&buyer).await == (1_000, 0)).then_some(())
    })
    .await;
    let late = world.arrive(&taken, CALLER).await;
    assert_eq!(reason(&late), (409, "PING_EXPIRED"));
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
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_bidder_harms_nobody(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::open(kind).await;
    let campaign = world.campaign(json!({"ping_ms": 2_000})).await;
    let secret = Bidder::bidding(90_000);
    let location = secret.url.clone();
    let cases = [
        (
            "TOO_LARGE",
            Bidder::raw(|mut stream, _| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
                while stream.write_all(&[b' '; 65_536]).is_ok() {}
            }),
        ),
        (
            "LATE",
            Bidder::raw(|mut stream, _| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
                while stream.write_all(b" ").is_ok() {
                    std::thread::sleep(Duration::from_millis(50));
                }
            }),
        ),
        (
            "STATUS_302",
            Bidder::raw(move |mut stream, _| {
                let head = format!(
                    "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                let _ = stream.write_all(head.as_bytes());
            }),
        ),
        ("BROKEN", Bidder::new(|_| (200, "[".repeat(60_000)))),
        (
            "BROKEN",
            Bidder::new(|_| (200, r#"{"amount": 1e400}"#.to_owned())),
        ),
        ("BROKEN", Bidder::bidding(i64::MAX)),
        (
            "CURRENCY_MISMATCH",
            Bidder::new(|_| (200, r#"{"amount": 800, "currency": "EUR"}"#.to_owned())),
        ),
        (
            "DESTINATION_NOT_ALLOWED",
            Bidder::new(|_| {
                (
                    200,
                    r#"{"amount": 800, "destination": "+19005550123"}"#.to_owned(),
                )
            }),
        ),
        (
            "DESTINATION_NOT_ALLOWED",
            Bidder::new(|_| {
                (
                    200,
                    r#"{"amount": 800, "destination": "+5353501234"}"#.to_owned(),
                )
            }),
        ),
        (
            "STATUS_500",
            Bidder::new(|_| (500, r#"{"amount": 800}"#.to_owned())),
        ),
        ("UNREACHABLE", Bidder::raw(|_, _| {})),
    ];
    let mut hostile = Vec::new();
    for (why, bidder) in &cases {
        hostile.push((*why, world.outside(&campaign, bidder, json!({})).await));
    }
    let honest = Bidder::bidding(500);
    world.outside(&campaign, &honest, json!({})).await;
    let started = std::time::Instant::now();
    let ping = world.ping(&campaign, json!({})).await;
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(
        (&ping["accepted"], &ping["amount"]),
        (&json!(true), &json!(500)),
        "{ping}"
    );
    for (why, buyer) in &hostile {
        assert_eq!(reason_of(&ping, buyer), *why);
    }
    assert_eq!(secret.counts(), (0, 0), "no redirect is followed");
    assert_eq!(world.accept(&ping).await.0, 200);
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
        let shown = shown.to_string();
        assert!(!shown.contains("500") && !shown.contains(&buyer), "{shown}");
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

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_sealed_and_stay_with_their_host() {
    let world = World::open(Kind::Embedded).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(0, json!({})).await;
    let given = json!({"url": "http://127.0.0.1:1/a", "headers": {"x-key": "s3cret"}});
    let profile = world
        .profile(&buyer, &campaign, 1, json!({"endpoint": given}))
        .await;
    let uri = format!("/v1/bid_profiles/{profile}");
    let kept = async || {
        #[derive(sqlx::FromRow)]
        struct Row {
            endpoint: String,
            endpoint_headers: String,
        }
        let sql = "SELECT endpoint, endpoint_headers FROM exchange_bid_profiles";
        let row: Row = world
            .installation
            .db()
            .fetch_optional(sql, vec![])
            .await
            .unwrap()
            .unwrap();
        assert!(!row.endpoint.contains("s3cret") && !row.endpoint_headers.contains("s3cret"));
        row.endpoint_headers
    };
    let sealed = kept().await;
    assert_ne!(sealed, "");
    let shown = world.client.ok(Get, &uri, None).await.to_string();
    assert!(
        !shown.contains("headers") && !shown.contains(&sealed),
        "{shown}"
    );
    for (url, stays) in [
        ("http://127.0.0.1:1/b", true),
        ("http://127.0.0.1:2/b", false),
    ] {
        let change = json!({"endpoint": {"url": url}});
        world.client.ok(Put, &uri, Some(change)).await;
        assert_eq!(kept().await == sealed, stays, "{url}");
    }
    world.end().await;
}

#[rstest]
#[case("https://127.0.0.1/bid", "ENDPOINT_NOT_PUBLIC")]
#[case("https://[::ffff:10.0.0.1]/bid", "ENDPOINT_NOT_PUBLIC")]
#[case("http://bids.example/bid", "BAD_ENDPOINT")]
#[case("https://user:pass@bids.example/bid", "BAD_ENDPOINT")]
#[tokio::test(flavor = "multi_thread")]
async fn a_private_endpoint_is_refused(#[case] url: &str, #[case] why: &str) {
    let world = World::new(Kind::Embedded).await;
    let buyer = world.buyer(0, json!({})).await;
    let body = json!({"buyer_id": buyer, "endpoint": {"url": url}});
    let reply = world
        .client
        .call(Post, "/v1/bid_profiles", Some(body))
        .await;
    assert_eq!(reason(&reply), (400, why));
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
    let db = world.installation.db();
    for (hours, expected) in [(23, 200), (25, 404)] {
        let at = world.clock.now().plus(Duration::from_secs(hours * 3_600));
        sweep(&db, at).await.unwrap();
        assert_eq!(
            (status(&ignored).await, status(&taken).await),
            (expected, 200),
            "{hours}"
        );
    }
    drop(db);
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

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_bids_and_refuses_is_not_asked_for_a_while(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::open(kind).await;
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
