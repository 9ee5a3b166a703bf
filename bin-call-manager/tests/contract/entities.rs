//! Accounts, campaigns and profiles: their fields, defaults and checks.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::world::{World, reason, text};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_has_its_default(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let body = json!({"type": "buyer", "balance": 5, "held": 5});
    let account = world.client.ok(Post, "/v1/accounts", Some(body)).await;
    for (field, value) in [
        ("type", json!("buyer")),
        ("status", json!("pending")),
        ("currency", json!("USD")),
        ("balance", json!(0)),
        ("held", json!(0)),
        ("concurrency_cap", Json::Null),
        ("cap_counts", json!("attempt")),
        ("priority", json!(1)),
        ("hours", json!([])),
    ] {
        assert_eq!(account[field], value, "{field}");
    }
    assert_eq!(account["quality"]["answer"], Json::Null);
    let campaign = world.campaign(json!({})).await;
    let campaign = world.get("call_campaigns", &campaign).await;
    for (field, value) in [
        ("currency", json!("USD")),
        ("ping_ms", json!(500)),
        ("ring_seconds", json!(20)),
        ("max_attempts", json!(5)),
        ("strategy", json!("highest_bid")),
        ("payout", Json::Null),
        ("duplicates", Json::Null),
        ("require_consent", json!(false)),
        (
            "conversion",
            json!({"kind": "duration", "threshold_seconds": 0}),
        ),
        (
            "fraud",
            json!({
                "block_at": 0.9, "review_at": 0.6, "fail": "open", "calls_per_caller_hour": 20,
                "calls_per_account_hour": 1_000,
            }),
        ),
    ] {
        assert_eq!(campaign[field], value, "{field}");
    }
    world.end().await;
}

#[rstest]
#[case("/v1/accounts", json!({}), 400, "INVALID_FIELD")]
#[case("/v1/accounts", json!({"type": "broker"}), 400, "INVALID_FIELD")]
#[case("/v1/accounts", json!({"type": "buyer", "currency": "usd"}), 400, "BAD_CURRENCY")]
#[case("/v1/accounts", json!({"type": "buyer", "hourly_cap": -1}), 400, "INVALID_FIELD")]
#[case("/v1/accounts", json!({"type": "buyer", "credit_limit": 1.5}), 400, "INVALID_FIELD")]
#[case("/v1/accounts", json!({"type": "buyer", "timezone": "Mars"}), 400, "INVALID_FIELD")]
#[case("/v1/accounts", json!({"type": "buyer", "hours": "all day"}), 400, "INVALID_FIELD")]
#[case("/v1/call_campaigns", json!({"name": "x"}), 400, "INVALID_FIELD")]
#[case("/v1/bid_profiles", json!({"amount": 1}), 400, "INVALID_FIELD")]
#[case("/v1/calls", json!({"to_number": "+14155550100"}), 400, "INVALID_FIELD")]
#[tokio::test(flavor = "multi_thread")]
async fn wrong_fields_are_refused_by_name(
    #[case] uri: &str,
    #[case] body: Json,
    #[case] status: u16,
    #[case] why: &str,
) {
    let world = World::new(Kind::Embedded).await;
    let reply = world.client.call(Post, uri, Some(body)).await;
    assert_eq!(reason(&reply), (status, why), "{reply:?}");
    world.end().await;
}

/// An empty one would be taken for all defaults.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_where_an_object_belongs_wipes_nothing() {
    let world = World::new(Kind::Embedded).await;
    let terms = json!({
        "duplicates": {"scope": "buyer", "after": "connect", "days": 30},
        "auction": {"window_ms": 600_000},
    });
    let campaign = world.campaign(terms).await;
    let buyer = world.buyer(0, json!({})).await;
    let criteria = json!({"criteria": {"states": ["CA"]}});
    let profile = world.profile(&buyer, &campaign, 100, criteria).await;
    for (what, id, fields) in [
        (
            "call_campaigns",
            &campaign,
            &["auction", "conversion", "duplicates", "fraud"][..],
        ),
        ("bid_profiles", &profile, &["criteria", "endpoint"][..]),
    ] {
        let before = world.get(what, id).await;
        for field in fields {
            let uri = format!("/v1/{what}/{id}");
            let body = json!({ *field: [] });
            let reply = world.client.call(Put, &uri, Some(body)).await;
            assert_eq!(reason(&reply), (400, "INVALID_FIELD"), "{reply:?}");
            let said = text(&reply.1, "message");
            assert_eq!(said, format!("{field} must be an object."));
        }
        assert_eq!(world.get(what, id).await, before);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_for_people_turn_no_letters() {
    const TURNED: &str = "nice \u{202e}live";
    let world = World::new(Kind::Embedded).await;
    let campaign = world.campaign(json!({})).await;
    let call = world.call(&campaign).await;
    let own = format!("/v1/call_campaigns/{campaign}");
    let status = format!("/v1/calls/{call}/status");
    let (phone, rule) = ("+14045550123", json!({"state": "GA", "citation": TURNED}));
    let tag = json!({"key": "k", "op": "eq", "value": TURNED});
    let cases = [
        (Put, own.as_str(), json!({"name": TURNED}), "name"),
        (Put, own.as_str(), json!({"whisper": TURNED}), "whisper"),
        (
            Post,
            "/v1/fraud/entries",
            json!({"phone": phone, "reason": TURNED}),
            "reason",
        ),
        (
            Post,
            "/v1/dnc_entries",
            json!({"phone": phone, "reason": TURNED}),
            "reason",
        ),
        (
            Post,
            "/v1/refunds",
            json!({"call_id": call, "amount": 1, "currency": "USD", "reason": TURNED}),
            "reason",
        ),
        (Post, "/v1/compliance/rules", rule, "citation"),
        (
            Post,
            "/v1/consents",
            json!({"phone": phone, "proofs": [{"kind": "web_form", "uri": TURNED}]}),
            "proofs.uri",
        ),
        (
            Post,
            "/v1/calls",
            json!({
                "call_campaign_id": campaign, "from_number": phone, "to_number": "+14155550100",
                "reference": TURNED,
            }),
            "reference",
        ),
        (
            Post,
            status.as_str(),
            json!({"status": "canceled", "hangup_cause": TURNED}),
            "hangup_cause",
        ),
        (
            Post,
            "/v1/bid_profiles",
            json!({
                "buyer_id": campaign, "amount": 1, "destination": "+14155550199",
                "criteria": {"tags": [tag]},
            }),
            "criteria.tags",
        ),
    ];
    for (method, uri, body, field) in cases {
        let reply = world.client.call(method, uri, Some(body)).await;
        assert_eq!(reply.0, 400, "{uri}: {reply:?}");
        let said = text(&reply.1, "message");
        assert!(said.starts_with(field), "{uri}: {said}");
    }
    // Lines may be spoken, and letters may run from right to left.
    let body = json!({"whisper": "One\nשתיים"});
    world.client.ok(Put, &own, Some(body)).await;
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn currencies_never_mix(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let yen = world.account("buyer", json!({"currency": "JPY"})).await;
    let bodies = [
        (
            "/v1/bid_profiles",
            json!({"buyer_id": yen, "amount": 1, "call_campaign_id": campaign}),
        ),
        (
            "/v1/bid_profiles",
            json!({"buyer_id": yen, "amount": 1, "currency": "USD"}),
        ),
        ("/v1/accounts", json!({"type": "buyer", "currency": "EURO"})),
    ];
    for (uri, body) in bodies {
        let (status, reply) = world.client.call(Post, uri, Some(body)).await;
        assert_eq!(status, 400, "{reply}");
    }
    let uri = format!("/v1/accounts/{yen}");
    let change = world
        .client
        .call(Put, &uri, Some(json!({"currency": "USD"})))
        .await;
    assert_eq!(reason(&change), (400, "INVALID_FIELD"));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_money_stays(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let buyer = world.buyer(5, json!({})).await;
    let uri = format!("/v1/accounts/{buyer}");
    let gone = world.client.call(Delete, &uri, None).await;
    assert_eq!(reason(&gone), (409, "ACCOUNT_NOT_EMPTY"));
    let take = json!({"amount": 5, "currency": "USD"});
    world
        .client
        .ok(Post, &format!("{uri}/withdrawals"), Some(take))
        .await;
    let closed = json!({"status": "closed"});
    world.client.ok(Put, &uri, Some(closed)).await;
    let back = world
        .client
        .call(Put, &uri, Some(json!({"status": "active"})))
        .await;
    assert_eq!(reason(&back), (409, "INVALID_ACCOUNT_STATE"));
    world.client.ok(Delete, &uri, None).await;
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_by_their_type(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let buyer = world.account("buyer", json!({})).await;
    let seller = world.account("seller", json!({})).await;
    for (kind, expected) in [("buyer", &buyer), ("seller", &seller)] {
        let uri = format!("/v1/accounts?type={kind}");
        let found = world.client.ok(Get, &uri, None).await;
        assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
        assert_eq!(found[0]["id"], json!(expected));
    }
    let wrong = world
        .client
        .call(Get, "/v1/accounts?type=broker", None)
        .await;
    assert_eq!(reason(&wrong).0, 400, "{wrong:?}");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_number_belongs_to_one_live_campaign_of_the_installation(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let numbers = json!({"numbers": ["+14155550100"]});
    let campaign = world.campaign(numbers).await;
    let uri = "/v1/call_campaigns";
    let foreign = world.client.within(Uuid::from_u128(8));
    let seller = json!({"type": "seller", "name": "other", "status": "active"});
    let seller = foreign.ok(Post, "/v1/accounts", Some(seller)).await;
    let body = json!({
        "name": "other", "seller_id": seller["id"], "numbers": ["(415) 555-0100"],
    });
    let taken = foreign.call(Post, uri, Some(body.clone())).await;
    assert_eq!(reason(&taken), (409, "NUMBER_TAKEN"));
    let deleted = format!("{uri}/{campaign}");
    world.client.ok(Delete, &deleted, None).await;
    let made = foreign.ok(Post, uri, Some(body)).await;
    assert_eq!(made["numbers"], json!(["+14155550100"]));
    world.end().await;
}
