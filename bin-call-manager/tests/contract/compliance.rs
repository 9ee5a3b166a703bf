//! The law through the queue: what is known of a number, and what a call meets.

use bin_common_handler::{
    clock::Clock,
    ids,
    models::{
        sock::Method::{Delete, Get, Post},
        time::Timestamp,
    },
    sockhandler::Outgoing,
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id, reason, text};

/// A Wednesday, 13:00 in New York.
const NOON: &str = "2026-12-02T18:00:00Z";
const GEORGIA: &str = "+14045550123";
/// 32 bytes in base64.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const FLORIDA: &str = "+13055550123";

async fn world(kind: Kind) -> World {
    let world = World::new(kind).await;
    go_to(&world, NOON);
    world
}

/// The clock goes on from that time.
fn go_to(world: &World, time: &str) {
    let time: Timestamp = time.parse().unwrap();
    let real = Clock::default().now();
    world.clock.shift(time.micros() - real.micros());
}

/// A copy of the national list, with somebody else on it.
async fn import_federal(world: &World) {
    let uri = "/v1/dnc_entries/bulk?list=federal";
    let rows = json!([{"phone": "+12125550199"}]);
    world.client.ok(Post, uri, Some(rows)).await;
}

async fn check(world: &World, phone: &str, more: Json) -> Json {
    let mut body = json!({"phone": phone, "purpose": "marketing", "direction": "outbound"});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    world
        .client
        .ok(Post, "/v1/compliance/checks", Some(body))
        .await
}

async fn rule(world: &World, phone: &str) -> String {
    let verdict = check(world, phone, json!({})).await;
    let rule = verdict["rule"].as_str().unwrap_or("ok").to_owned();
    assert_eq!(verdict["allowed"], json!(rule == "ok"), "{verdict}");
    rule
}

async fn call_out(world: &World, campaign: &str, phone: &str, more: Json) -> (u16, Json) {
    let mut body = json!({
        "call_campaign_id": campaign, "direction": "outbound", "from_number": "+14155550100",
        "to_number": phone,
    });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    world.client.call(Post, "/v1/calls", Some(body)).await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_names_rule_citation_and_next_instant(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    assert_eq!(rule(&world, GEORGIA).await, "DNC_LIST_STALE");
    import_federal(&world).await;
    assert_eq!(rule(&world, GEORGIA).await, "ok");
    assert_eq!(rule(&world, "+12125550199").await, "ON_DNC_LIST");
    assert_eq!(rule(&world, "+18005550123").await, "TIMEZONE_UNKNOWN");
    let at = json!({"at": "2026-12-03T02:00:00Z", "address": {"zip": "33101"}});
    let verdict = check(&world, GEORGIA, at).await;
    assert_eq!(verdict["rule"], "CALLING_HOURS");
    assert_eq!(verdict["citation"], "47 CFR 64.1200(c)(1)");
    assert_eq!(verdict["next_allowed"], "2026-12-03T13:00:00Z");
    assert_eq!(verdict["zones"], json!(["America/New_York"]));
    assert_eq!(verdict["facts"]["states"], json!(["GA", "FL"]));
    assert_eq!(verdict["facts"]["max_per_24h"], 3);
    let many = json!({"checks": [{"phone": GEORGIA}, {"phone": "+12125550199"}, {"phone": "x"}]});
    let refused = world
        .client
        .call(Post, "/v1/compliance/checks/bulk", Some(many))
        .await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    let many = json!({"checks": [{"phone": GEORGIA}, {"phone": "+12125550199"}]});
    let both = world
        .client
        .ok(Post, "/v1/compliance/checks/bulk", Some(many))
        .await;
    assert_eq!(
        (&both[0]["allowed"], &both[1]["rule"]),
        (&json!(true), &json!("ON_DNC_LIST"))
    );
    // The list grows old.
    go_to(&world, "2027-01-03T18:00:00Z");
    assert_eq!(rule(&world, GEORGIA).await, "DNC_LIST_STALE");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_followed_and_never_changed(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = world(kind).await;
    let events = world.client.events().await;
    let made = json!({"phone": GEORGIA, "purpose": "marketing", "channels": ["voice"]});
    let first = id(&world.client.ok(Post, "/v1/consents", Some(made)).await);
    let grant = format!("/v1/consents/{first}/grant");
    let unproved = world.client.call(Post, &grant, None).await;
    assert_eq!(reason(&unproved), (409, "CONSENT_NOT_PROVED"));
    let proof = || json!({"proofs": [{"kind": "web_form", "uri": "https://example.com/form/1"}]});
    let second = world.client.ok(Post, &grant, Some(proof())).await;
    assert_eq!(
        (text(&second, "status"), &second["version"]),
        ("active", &json!(2))
    );
    // Express written consent stands in for the list that is not there.
    assert_eq!(rule(&world, GEORGIA).await, "ok");
    let revoke = format!("/v1/consents/{}/revoke", id(&second));
    let third = world.client.ok(Post, &revoke, None).await;
    assert_eq!(rule(&world, GEORGIA).await, "DNC_LIST_STALE");
    assert_eq!(world.client.ok(Post, &revoke, None).await, third);
    let again = world.client.call(Post, &grant, None).await;
    assert_eq!(reason(&again), (409, "CONSENT_NOT_PROVED"));
    world.client.ok(Post, &grant, Some(proof())).await;
    let uri = format!("/v1/consents?consent_id={first}");
    let versions = world.client.ok(Get, &uri, None).await;
    let states: Vec<&str> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|row| text(row, "status"))
        .collect();
    assert_eq!(states, ["active", "revoked", "active", "pending"]);
    let kinds = events.kinds(3).await;
    assert_eq!(
        kinds,
        ["consent_granted", "consent_revoked", "consent_granted"]
    );
    world.end().await;
}

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
    let (own, other) = (uuid::Uuid::from_u128(7), uuid::Uuid::from_u128(8));
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

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn entries_rules_and_relationships_count_at_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    import_federal(&world).await;
    let entry = |list: &str| json!({"phone": GEORGIA, "list": list, "reason": "asked"});
    let federal = world
        .client
        .ok(Post, "/v1/dnc_entries", Some(entry("federal")))
        .await;
    let twice = world
        .client
        .ok(Post, "/v1/dnc_entries", Some(entry("federal")))
        .await;
    assert_eq!(id(&federal), id(&twice));
    assert_eq!(rule(&world, GEORGIA).await, "ON_DNC_LIST");
    let bought = json!({"phone": GEORGIA, "kind": "purchase", "tm": "2026-11-01T00:00:00Z"});
    let bought = world
        .client
        .ok(Post, "/v1/business_relationships", Some(bought))
        .await;
    assert_eq!(rule(&world, GEORGIA).await, "ok");
    let gone = format!("/v1/business_relationships/{}", id(&bought));
    world.client.ok(Delete, &gone, None).await;
    assert_eq!(rule(&world, GEORGIA).await, "ON_DNC_LIST");
    let gone = format!("/v1/dnc_entries/{}", id(&federal));
    world.client.ok(Delete, &gone, None).await;
    assert_eq!(rule(&world, GEORGIA).await, "ok");
    let own = json!({"state": "GA", "open": "15:00", "close": "18:00", "citation": "house rule"});
    world
        .client
        .ok(Post, "/v1/compliance/rules", Some(own))
        .await;
    let verdict = check(&world, GEORGIA, json!({})).await;
    assert_eq!(
        (text(&verdict, "rule"), text(&verdict, "citation")),
        ("CALLING_HOURS", "house rule")
    );
    assert_eq!(verdict["next_allowed"], "2026-12-02T20:00:00Z");
    let wrong = json!({"phone": GEORGIA, "list": "state"});
    let refused = world
        .client
        .call(Post, "/v1/dnc_entries", Some(wrong))
        .await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    // Another tenant knows nothing of all this.
    let stranger = world.installation.client().within(uuid::Uuid::from_u128(8));
    let uri = "/v1/compliance/rules";
    assert_eq!(stranger.ok(Get, uri, None).await, json!([]));
    let body = json!({"phone": GEORGIA});
    let verdict = stranger.ok(Post, "/v1/compliance/checks", Some(body)).await;
    assert_eq!(verdict["rule"], "DNC_LIST_STALE");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_import_takes_the_place_of_a_list_at_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    go_to(&world, NOON);
    // Twenty area codes, each with ten thousand numbers.
    let number = |n: u32| {
        let npas = [
            201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219,
            220, 223, 224,
        ];
        format!("+1{}234{:04}", npas[(n / 10_000) as usize], n % 10_000)
    };
    let events = world.client.events().await;
    import_federal(&world).await;
    let import = uuid::Uuid::from_u128(77);
    let uri = format!("/v1/dnc_entries/bulk?list=federal&import={import}");
    for part in 0..20 {
        let rows: Vec<Json> = (0..10_000)
            .map(|n| json!({"phone": number(part * 10_000 + n)}))
            .collect();
        let report = world.client.ok(Post, &uri, Some(json!(rows))).await;
        assert_eq!(
            (&report["created"], &report["errors"]),
            (&json!(10_000), &json!([]))
        );
    }
    assert_eq!(rule(&world, &number(0)).await, "ok");
    assert_eq!(rule(&world, "+12125550199").await, "ON_DNC_LIST");
    let finish = json!({"list": "federal", "import": import});
    let list = world
        .client
        .ok(Post, "/v1/dnc_lists", Some(finish.clone()))
        .await;
    assert_eq!(
        (&list["rows"], text(&list, "list")),
        (&json!(200_000), "federal")
    );
    assert_eq!(
        world.client.ok(Post, "/v1/dnc_lists", Some(finish)).await,
        list
    );
    for n in [0, 99_999, 199_999] {
        assert_eq!(rule(&world, &number(n)).await, "ON_DNC_LIST", "{n}");
    }
    // One event for all of it, behind that of the list before; and who was on the list before is not on the new one.
    assert_eq!(events.kinds(2).await, ["dnc_added", "dnc_added"]);
    assert_eq!(rule(&world, "+12125550199").await, "ok");
    let late = world
        .client
        .call(Post, &uri, Some(json!([{"phone": GEORGIA}])))
        .await;
    assert_eq!(reason(&late), (409, "IMPORT_FINISHED"));
    // One more is added to what is in force.
    let uri = "/v1/dnc_entries/bulk?list=federal";
    let report = world.client.ok(Post, uri, Some(json!([
        {"phone": "+12125550198"}, {"phone": "(212) 555-0198"}, {"phone": ""}, {"phone": "12"},
    ]))).await;
    assert_eq!(
        (
            &report["created"],
            &report["duplicates"],
            &report["skipped"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(report["errors"][0]["index"], 3);
    assert_eq!(rule(&world, "+12125550198").await, "ON_DNC_LIST");
    assert_eq!(rule(&world, &number(5)).await, "ON_DNC_LIST");
    world.end().await;
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
            "business_relationships": 0,
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
async fn a_call_from_a_dialling_list_counts_once(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = world(kind).await;
    let (call, owner) = (ids::next(), world.client.customer_id.unwrap());
    let data = json!({
        "id": call, "customer_id": owner, "tm_create": world.clock.now(),
        "destination": {"type": "tel", "target": FLORIDA},
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
    until("the call is counted", async || {
        let verdict = check(&world, FLORIDA, json!({})).await;
        (verdict["facts"]["attempts_24h"] == 1).then_some(())
    })
    .await;
    world.end().await;
}
