//! A person asks what is known of a number, or to be forgotten.

use std::time::Duration;

use bin_call_manager::models::inboundcall::InboundCall;
use bin_common_handler::databasehandler::Entity;
use uuid::Uuid;

use super::*;

/// What a ping keeps.
#[derive(bin_common_handler::FromRow)]
struct Tags {
    text: String,
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_person_learns_everything_and_is_forgotten(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with_settings(kind, &[("SECRETS_KEY", KEY)]).await;
    go_to(&world, NOON);
    let events = world.client.events().await;
    import_federal(&world).await;
    let campaign = world.campaign(json!({})).await;
    call_out(&world, &campaign, GEORGIA, json!({})).await;
    let entry = json!({"phone": GEORGIA, "list": "internal"});
    world.client.ok(Post, "/v1/dnc_entries", Some(entry)).await;
    let ask = |kind: &str| json!({"phone": GEORGIA, "kind": kind});
    let all = world
        .client
        .ok(Post, "/v1/subject_requests", Some(ask("access")))
        .await;
    let count = |all: &Json, what: &str| all[what].as_array().unwrap().len();
    assert_eq!(
        (
            count(&all, "calls"),
            count(&all, "dnc_entries"),
            count(&all, "attempts")
        ),
        (1, 1, 1)
    );
    let ping = json!({"call_campaign_id": campaign, "from_number": GEORGIA});
    let ping = id(&world.client.ok(Post, "/v1/pings", Some(ping)).await);
    let suspect = json!({"phone": GEORGIA, "list": "block"});
    world
        .client
        .ok(Post, "/v1/fraud/entries", Some(suspect))
        .await;
    let all = world
        .client
        .ok(Post, "/v1/subject_requests", Some(ask("access")))
        .await;
    assert_eq!(
        (
            count(&all, "pings"),
            count(&all, "fraud_checks"),
            count(&all, "fraud_entries"),
            count(&all, "inbound_calls"),
        ),
        (1, 1, 1, 0)
    );
    let erased = world
        .client
        .ok(Post, "/v1/subject_requests", Some(ask("erasure")))
        .await;
    assert_eq!(
        erased["erased"],
        json!({
            "calls": 1, "pings": 1, "fraud_checks": 1, "inbound_calls": 0,
            "business_relationships": 0, "bid_profiles": 0,
        })
    );
    let ping = world.get("pings", &ping).await;
    assert!(!ping.to_string().contains(GEORGIA), "{ping}");
    assert_eq!(erased["kept"][0]["what"], "dnc_entries");
    let kinds = events.kinds(7).await;
    let of_law = |kind: &&String| kind.starts_with("dnc_") || kind.starts_with("subject_");
    let kinds: Vec<&String> = kinds.iter().filter(of_law).collect();
    assert_eq!(kinds, ["dnc_added", "dnc_added", "subject_erased"]);
    let all = world
        .client
        .ok(Post, "/v1/subject_requests", Some(ask("access")))
        .await;
    assert_eq!((count(&all, "calls"), count(&all, "pings")), (0, 0));
    // What the law counts is kept until it counts no more.
    assert_eq!(count(&all, "attempts"), 1);
    // Who must not be called is still not called.
    assert_eq!(rule(&world, GEORGIA).await, "ON_DNC_LIST");
    let calls = world.client.ok(Get, "/v1/calls", None).await;
    assert!(
        text(&calls[0], "to_number").starts_with("erased:"),
        "{calls}"
    );
    let uri = format!("/v1/call_campaigns/{campaign}/abandonment");
    let share = world.client.ok(Get, &uri, None).await;
    assert_eq!(
        (&share["calls"], &share["warned"]),
        (&json!(0), &json!(false))
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_known_by_a_mail_address_only_is_asked_for_elsewhere(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with_settings(kind, &[("SECRETS_KEY", KEY)]).await;
    let events = world.client.events().await;
    let uri = "/v1/subject_requests";
    for wrong in [
        json!({"kind": "erasure"}),
        json!({"kind": "erasure", "phone": GEORGIA, "email": "ann@example.com"}),
        json!({"kind": "erasure", "email": "ann"}),
        json!({"kind": "erasure", "email": "ann smith@example.com"}),
    ] {
        let refused = world.client.call(Post, uri, Some(wrong.clone())).await;
        assert_eq!(reason(&refused), (400, "INVALID_FIELD"), "{wrong}");
    }
    let ask = json!({"kind": "access", "email": " Ann@Example.com"});
    let known = world.client.ok(Post, uri, Some(ask)).await;
    assert_eq!(text(&known, "email"), "ann@example.com");
    assert_eq!(
        known["unanswered"],
        json!(["chat-manager"]),
        "nobody else is asked"
    );
    let ask = json!({"kind": "erasure", "email": "ann@example.com"});
    let erased = world.client.ok(Post, uri, Some(ask)).await;
    assert!(
        text(&erased, "pseudonym").starts_with("erased:"),
        "{erased}"
    );
    until("it is told", async || {
        let heard = events.heard();
        let of_email = |kind: &str| kind == "subject_email_erased";
        heard
            .iter()
            .any(|event| of_email(&event.event.kind))
            .then_some(())
    })
    .await;
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_makes_no_room_for_more_calls(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with_settings(kind, &[("SECRETS_KEY", KEY)]).await;
    go_to(&world, NOON);
    import_federal(&world).await;
    let campaign = world.campaign(json!({})).await;
    for _ in 0..3 {
        let (status, call) = call_out(&world, &campaign, FLORIDA, json!({})).await;
        assert_eq!(status, 200, "{call}");
    }
    let erasure = json!({"phone": FLORIDA, "kind": "erasure"});
    let uri = "/v1/subject_requests";
    let erased = world.client.ok(Post, uri, Some(erasure)).await;
    let kept = erased["kept"].as_array().unwrap();
    assert!(kept.iter().any(|kept| kept["what"] == "attempts"));
    let fourth = call_out(&world, &campaign, FLORIDA, json!({})).await;
    assert_eq!(reason(&fourth), (403, "MAX_ATTEMPTS"));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_takes_the_number_out_of_tags_and_of_buyers_lists(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with_settings(kind, &[("SECRETS_KEY", KEY)]).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    let lists = json!({"criteria": {"exclude_numbers": [GEORGIA, FLORIDA]}});
    let profile = world.profile(&buyer, &campaign, 100, lists).await;
    let rival = world.buyer(1_000, json!({})).await;
    let wants =
        json!({"criteria": {"tags": [{"key": "lead", "op": "match", "value": "^nobody$"}]}});
    world.profile(&rival, &campaign, 100, wants).await;
    // Somebody else's list stays as it is.
    let foreign = world.client.within(Uuid::from_u128(8));
    let body = json!({"type": "buyer", "name": "buyer", "status": "active"});
    let other = id(&foreign.ok(Post, "/v1/accounts", Some(body)).await);
    let body = json!({
        "buyer_id": other, "amount": 100, "criteria": {"exclude_numbers": [GEORGIA]},
        "destination": "+14155550199",
    });
    let other = id(&foreign.ok(Post, "/v1/bid_profiles", Some(body)).await);
    let come = async |reference: &str| {
        let body = json!({
            "call_campaign_id": campaign, "from_number": GEORGIA, "to_number": "+14155550100",
            "reference": reference,
            "tags": {"lead": "(404) 555-0123", "note": "ask +14045550123 \"soon\"", "age": "65"},
        });
        id(&world.client.ok(Post, "/v1/calls", Some(body)).await)
    };
    let call = come("4045550123").await;
    let body = json!({
        "call_campaign_id": campaign, "from_number": "+14155550150", "to_number": "+14155550100",
        "tags": {"referred_by": "404-555-0123", "age": "65"}, "reference": "lead-404-555-0123",
    });
    let referred = id(&world.client.ok(Post, "/v1/calls", Some(body)).await);
    let end = json!({"status": "canceled", "hangup_cause": "Moved to <14045550123>"});
    let (_, ended) = world.report(&referred, end).await;
    assert_eq!(text(&ended, "hangup_cause"), "Moved to 14045550123");
    let refused = world.route(&call).await;
    assert_eq!(reason(&refused), (409, "NO_BIDS_AVAILABLE"), "{refused:?}");
    let offered = json!({
        "call_campaign_id": campaign, "from_number": GEORGIA, "tags": {"lead": GEORGIA},
    });
    let asked = Some(offered.clone());
    let ping = id(&world.client.ok(Post, "/v1/pings", asked).await);
    let uri = "/v1/subject_requests";
    let ask = |kind: &str| json!({"phone": GEORGIA, "kind": kind});
    let known = world.client.ok(Post, uri, Some(ask("access"))).await;
    assert_eq!(known["bid_profiles"], json!([profile]));

    let before = world.get("bid_profiles", &profile).await;
    let erased = world.client.ok(Post, uri, Some(ask("erasure"))).await;
    assert_eq!(erased["erased"]["bid_profiles"], 1, "{erased}");
    let after = world.get("bid_profiles", &profile).await;
    assert_eq!(after["criteria"]["exclude_numbers"], json!([FLORIDA]));
    assert_ne!(after["tm_update"], before["tm_update"]);
    let uri = format!("/v1/bid_profiles/{other}");
    let others = foreign.ok(Get, &uri, None).await;
    assert_eq!(others["criteria"]["exclude_numbers"], json!([GEORGIA]));
    let pseudonym = text(&erased, "pseudonym");
    let freed = world.get("calls", &call).await;
    assert_eq!(freed["reference"], Json::Null);
    assert_eq!(
        freed["tags"],
        json!({"lead": pseudonym, "note": format!("ask {pseudonym} \"soon\""), "age": "65"})
    );
    let said = world.get(&format!("calls/{call}"), "explanation").await;
    let said = said.to_string();
    let is_named = said.contains("4045550123") || said.contains("555-0123");
    assert!(!is_named && said.contains(pseudonym), "{said}");
    // A ping does not tell its tags.
    let sql = "SELECT tags AS text FROM exchange_pings WHERE id = ?";
    let ping: Uuid = ping.parse().unwrap();
    let tags: Option<Tags> = world
        .installation
        .db()
        .fetch_optional(sql, vec![ping.into()])
        .await
        .unwrap();
    let tags: Json = serde_json::from_str(&tags.unwrap().text).unwrap();
    assert_eq!(tags, json!({"lead": pseudonym}));
    // Whoever asks the same again is not taken for the one who was forgotten.
    let again = world.client.ok(Post, "/v1/pings", Some(offered)).await;
    assert_ne!(id(&again), ping.to_string());
    // The calls of others are looked through afterwards.
    until("the number is out of somebody else's call", async || {
        let tags = world.get("calls", &referred).await["tags"].clone();
        (tags == json!({"referred_by": pseudonym, "age": "65"})).then_some(())
    })
    .await;
    let freed = world.get("calls", &referred).await;
    assert_eq!(
        (&freed["reference"], text(&freed, "hangup_cause")),
        (&Json::Null, "")
    );
    // What was compiled of the list before is read again.
    let (status, routed) = world.route(&come("").await).await;
    assert_eq!((status, text(&routed, "buyer_id")), (200, buyer.as_str()));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_called_a_business_is_forgotten_after_thirteen_months(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    const DAY: Duration = Duration::from_secs(86_400);
    let world = World::new(kind).await;
    let (db, now) = (world.installation.db(), world.clock.now());
    let marks = vec!["?"; InboundCall::COLUMNS.len()].join(", ");
    let columns = InboundCall::COLUMNS.join(", ");
    let sql = format!(
        "INSERT INTO {} ({columns}) VALUES ({marks})",
        InboundCall::TABLE
    );
    let calls = [(1, 395), (2, 397), (3, 800)].map(|(number, days)| InboundCall {
        id: Uuid::from_u128(number),
        customer_id: world.client.customer_id.unwrap(),
        call_sid: format!("CA{number}"),
        from_number: GEORGIA.to_owned(),
        tm_create: now.minus(DAY * days),
        ..InboundCall::default()
    });
    for call in &calls {
        db.execute(&sql, call.values()).await.unwrap();
    }
    drop(db);
    world.forget_callers(now).await;
    for (call, expected) in calls.iter().zip([GEORGIA, "", ""]) {
        let call = world.get("inbound_calls", &call.id.to_string()).await;
        assert_eq!(text(&call, "from_number"), expected, "{call}");
    }
    world.end().await;
}
