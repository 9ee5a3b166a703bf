//! Endpoints that bid: good ones, bad ones, and what is sent to them.

use super::*;

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
    // Neither it nor its profile says where the call would go.
    let nowhere = Bidder::bidding(800);
    let buyer = world.buyer(100_000, json!({})).await;
    let more = json!({
        "amount": null, "destination": "", "endpoint": endpoint(&nowhere, json!({})),
    });
    world.profile(&buyer, &campaign, 0, more).await;
    hostile.push(("DESTINATION_NOT_ALLOWED", buyer));
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
        #[derive(bin_common_handler::FromRow)]
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
