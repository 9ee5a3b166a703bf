//! Calls that the law refuses: not made, and not sold where it refuses them meanwhile.

use std::time::Duration;

use super::*;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_law_refuses_is_not_made(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = world(kind).await;
    import_federal(&world).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 5, json!({})).await;
    for n in 1..=3 {
        let (status, call) = call_out(&world, &campaign, FLORIDA, json!({})).await;
        assert_eq!(status, 200, "{n}: {call}");
        if n == 1 {
            world.route(&id(&call)).await;
            let why = world
                .client
                .ok(Get, &format!("/v1/calls/{}/explanation", id(&call)), None)
                .await;
            assert_eq!(why["compliance"]["allowed"], true, "{why}");
            assert_eq!(why["compliance"]["facts"]["max_per_24h"], 3);
        }
    }
    let fourth = call_out(&world, &campaign, FLORIDA, json!({})).await;
    assert_eq!(reason(&fourth), (403, "MAX_ATTEMPTS"));
    let told = fourth.1.to_string();
    assert!(
        told.contains("Fla. Stat. § 501.616(6)") && told.contains("2026-12-03T18:00:0"),
        "{told}"
    );
    // What is no solicitation has no limit, and a call in is the person's own.
    let service = call_out(&world, &campaign, FLORIDA, json!({"purpose": "service"})).await;
    assert_eq!(service.0, 200, "{service:?}");
    let inbound = call_out(&world, &campaign, FLORIDA, json!({"direction": "inbound"})).await;
    assert_eq!(inbound.0, 200, "{inbound:?}");
    // A refusal counts for nothing: a day after the first three, one is free again.
    go_to(&world, "2026-12-03T18:01:00Z");
    let next_day = call_out(&world, &campaign, FLORIDA, json!({})).await;
    assert_eq!(next_day.0, 200, "{next_day:?}");
    let wants = world.campaign(json!({"require_consent": true})).await;
    let unasked = call_out(&world, &wants, GEORGIA, json!({})).await;
    assert_eq!(reason(&unasked), (403, "CONSENT_REQUIRED"));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_revokes_is_not_called_though_the_consent_was_noted_twice(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    import_federal(&world).await;
    let proof = || json!({"proofs": [{"kind": "web_form", "uri": "https://example.com/form/1"}]});
    let mut consents = Vec::new();
    for _ in 0..2 {
        let made = json!({"phone": GEORGIA, "purpose": "marketing", "channels": ["voice"]});
        let made = id(&world.client.ok(Post, "/v1/consents", Some(made)).await);
        let grant = format!("/v1/consents/{made}/grant");
        world.client.ok(Post, &grant, Some(proof())).await;
        consents.push(made);
    }
    let campaign = world.campaign(json!({"require_consent": true})).await;
    let called = async || call_out(&world, &campaign, GEORGIA, json!({})).await;
    assert_eq!(called().await.0, 200);
    let revoke = format!("/v1/consents/{}/revoke", consents[0]);
    world.client.ok(Post, &revoke, None).await;
    assert_eq!(reason(&called().await), (403, "CONSENT_REQUIRED"));
    // What proved the other one before proves nothing now.
    let grant = format!("/v1/consents/{}/grant", consents[1]);
    let unproved = world.client.call(Post, &grant, None).await;
    assert_eq!(reason(&unproved), (409, "CONSENT_NOT_PROVED"));
    world.client.ok(Post, &grant, Some(proof())).await;
    assert_eq!(called().await.0, 200);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_check_for_one_customer_names_no_campaign_of_another(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    let campaign = world.campaign(json!({"require_consent": true})).await;
    let operator = world.installation.client();
    let check = json!({"phone": GEORGIA, "call_campaign_id": campaign});
    let (own, other) = (world.client.customer_id.unwrap(), ids::next());
    for (customer, status) in [(own, 200), (other, 404)] {
        let mut one = check.clone();
        one["customer_id"] = json!(customer);
        let many = json!({"customer_id": customer, "checks": [check]});
        for (uri, body) in [
            ("/v1/compliance/checks", one),
            ("/v1/compliance/checks/bulk", many),
        ] {
            let reply = operator.call(Post, uri, Some(body)).await;
            assert_eq!(reply.0, status, "{uri} {reply:?}");
        }
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_would_never_count_is_refused(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    let past = "2026-12-02T17:59:00Z";
    let cases = [
        (
            "/v1/dnc_entries",
            json!({"phone": GEORGIA, "list": "internal", "expires": past}),
        ),
        (
            "/v1/fraud/entries",
            json!({"phone": GEORGIA, "list": "block", "expires": past}),
        ),
    ];
    for (uri, mut body) in cases {
        let (status, reply) = world.client.call(Post, uri, Some(body.clone())).await;
        assert_eq!(
            (status, text(&reply, "reason")),
            (400, "INVALID_FIELD"),
            "{uri} {reply}"
        );
        assert!(text(&reply, "message").starts_with("expires"), "{reply}");
        body["expires"] = json!("2026-12-02T19:00:00Z");
        world.client.ok(Post, uri, Some(body)).await;
    }
    world.end().await;
}

/// What happens between the making of a call and its sale.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Revoked,
    Sued,
    Late,
}

async fn happens(world: &World, what: Meanwhile, consent: &str) {
    match what {
        Meanwhile::Revoked => {
            let uri = format!("/v1/consents/{consent}/revoke");
            world.client.ok(Post, &uri, None).await;
        }
        Meanwhile::Sued => {
            let entry = json!({"phone": GEORGIA, "list": "litigation"});
            world.client.ok(Post, "/v1/dnc_entries", Some(entry)).await;
        }
        // 22:00 in New York.
        Meanwhile::Late => go_to(world, "2026-12-03T03:00:00Z"),
    }
}

#[rstest]
#[case(Meanwhile::Revoked, "CONSENT_REQUIRED")]
#[case(Meanwhile::Sued, "ON_DNC_LIST")]
#[case(Meanwhile::Late, "CALLING_HOURS")]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_law_forbids_meanwhile_is_not_sold(
    #[case] what: Meanwhile,
    #[case] rule: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    import_federal(&world).await;
    let pending = json!({"phone": GEORGIA, "purpose": "marketing", "channels": ["voice"]});
    let pending = id(&world.client.ok(Post, "/v1/consents", Some(pending)).await);
    let proof = json!({"proofs": [{"kind": "web_form", "uri": "https://example.com/form/1"}]});
    let grant = format!("/v1/consents/{pending}/grant");
    let consent = id(&world.client.ok(Post, &grant, Some(proof)).await);
    let campaign = world.campaign(json!({"require_consent": true})).await;
    let made = async || {
        let (status, call) = call_out(&world, &campaign, GEORGIA, json!({})).await;
        assert_eq!(status, 200, "{call}");
        id(&call)
    };
    let first = world.buyer(10_000, json!({})).await;
    world.profile(&first, &campaign, 500, json!({})).await;
    let (routed, auctioned) = (made().await, made().await);
    let (closing, ringing) = (made().await, made().await);
    assert_eq!(world.route(&ringing).await.0, 200);
    let second = world.buyer(10_000, json!({})).await;
    world.profile(&second, &campaign, 400, json!({})).await;
    let open = json!({"call_id": closing});
    let open = id(&world.client.ok(Post, "/v1/auctions", Some(open)).await);
    happens(&world, what, &consent).await;

    assert_eq!(reason(&world.route(&routed).await), (403, rule));
    let auction = json!({"call_id": auctioned});
    let refused = world.client.call(Post, "/v1/auctions", Some(auction)).await;
    assert_eq!(reason(&refused), (403, rule));
    let close = format!("/v1/auctions/{open}/close");
    let closed = world.client.ok(Post, &close, None).await;
    assert_eq!(text(&closed, "status"), "canceled");
    let left = world.get("calls", &closing).await;
    assert_eq!(
        (text(&left, "status"), text(&left, "reason")),
        ("pending", rule)
    );
    // The buyer that has it does not answer, and the next one is not tried. Late, its timer may say so first.
    for status in ["ringing", "no_answer"] {
        world.report(&ringing, json!({"status": status})).await;
    }
    let missed = until("the call ends", async || {
        let call = world.get("calls", &ringing).await;
        (text(&call, "status") == "no_answer").then_some(call)
    })
    .await;
    assert_eq!(text(&missed, "reason"), rule);
    assert_eq!(world.money(&second).await, (10_000, 0));
    world.end().await;
}

/// outdial-manager tells twice of a call that it placed at that time.
async fn tell_of_a_call(world: &World, destination: Json, at: Timestamp) {
    let (call, owner) = (ids::next(), world.client.customer_id.unwrap());
    let data = json!({
        "id": call, "customer_id": owner, "tm_create": at, "destination": destination,
    });
    let body = json!({
        "type": "outdialtargetcall_created", "publisher": "outdial-manager", "data": data,
    });
    let told = Outgoing {
        trace: None,
        routing_key: format!("outdial-manager.outdialtargetcall.{call}.created"),
        message_id: call.to_string(),
        version: 1,
        customer_id: Some(owner),
        body: body.to_string().into_bytes(),
    };
    let transport = &world.client.transport;
    let mut lease = transport
        .lease("outdial-manager", &call.to_string())
        .await
        .unwrap();
    assert_eq!(lease.publish(&[told.clone(), told]).await, [true, true]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_from_a_dialling_list_counts_once_however_its_number_is_written(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    let now = world.clock.now();
    for (count, destination) in [
        (1, json!({"type": "tel", "target": FLORIDA})),
        (2, json!({"type": "whatsapp", "target": FLORIDA})),
        (
            3,
            json!({"type": "sip", "target": format!("{FLORIDA}@10.0.0.1")}),
        ),
    ] {
        tell_of_a_call(&world, destination, now).await;
        until("the call is counted", async || {
            let verdict = check(&world, FLORIDA, json!({})).await;
            (verdict["facts"]["attempts_24h"] == count).then_some(())
        })
        .await;
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_were_not_heard_of_yet_count_and_later_not_twice(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    import_federal(&world).await;
    let now = world.clock.now();
    let ago = |minutes: u64| now.minus(Duration::from_secs(60 * minutes));
    let counted = async |attempts: &[Timestamp]| {
        let verdict = check(&world, FLORIDA, json!({ "attempts": attempts })).await;
        (
            verdict["facts"]["attempts_24h"].clone(),
            verdict["rule"].clone(),
        )
    };
    let days = ago(2 * 24 * 60);
    assert_eq!(counted(&[ago(1), days]).await, (json!(1), Json::Null));
    // A clock that goes ahead.
    let ahead = now.plus(Duration::from_secs(3_600));
    let all = [ago(1), ago(2), ahead];
    assert_eq!(counted(&all).await, (json!(3), json!("MAX_ATTEMPTS")));
    let destination = json!({"type": "tel", "target": FLORIDA});
    tell_of_a_call(&world, destination, ago(2)).await;
    until("the call is heard of", async || {
        (counted(&[]).await.0 == 1).then_some(())
    })
    .await;
    assert_eq!(counted(&[ago(1), ago(2)]).await, (json!(2), Json::Null));
    let many = json!({"phone": FLORIDA, "attempts": vec![now; 101]});
    let refused = world
        .client
        .call(Post, "/v1/compliance/checks", Some(many))
        .await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    let said = text(&refused.1, "message");
    assert!(said.starts_with("attempts "), "{said}");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_counts_from_when_it_was_placed_and_never_where_it_was_not(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    import_federal(&world).await;
    let campaign = world.campaign(json!({})).await;
    let counted = async || check(&world, FLORIDA, json!({})).await["facts"]["attempts_24h"].clone();
    let made = async || {
        let (status, call) = call_out(&world, &campaign, FLORIDA, json!({})).await;
        assert_eq!(status, 200, "{call}");
        id(&call)
    };
    let unsold = made().await;
    assert_eq!(counted().await, 1, "it is about to be placed");
    let (status, ended) = world.report(&unsold, json!({"status": "canceled"})).await;
    assert_eq!((status, text(&ended, "status")), (200, "canceled"));
    assert_eq!(counted().await, 0);
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 5, json!({})).await;
    let sold = made().await;
    go_to(&world, "2026-12-02T23:00:00Z");
    assert_eq!(world.route(&sold).await.0, 200);
    // A day after it was made, and less after it was sold.
    go_to(&world, "2026-12-03T18:30:00Z");
    assert_eq!(counted().await, 1);
    go_to(&world, "2026-12-03T23:01:00Z");
    assert_eq!(counted().await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_to_one_person_are_no_more_than_the_law_allows() {
    let mut world = world(Kind::Full).await;
    let second = world
        .installation
        .start_with_clock(world.clock.clone())
        .await;
    world.replicas.push(second);
    import_federal(&world).await;
    let campaign = world.campaign(json!({})).await;
    let calls = (0..20).map(|_| call_out(&world, &campaign, FLORIDA, json!({})));
    let told = futures_util::future::join_all(calls).await;
    let made = told.iter().filter(|reply| reply.0 == 200).count();
    assert_eq!(made, 3, "{told:?}");
    world.end().await;
}
