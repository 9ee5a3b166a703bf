//! Keys of tenants: what they open, and how soon they open nothing any more.

use std::time::{Duration, Instant};

use bin_common_handler::{
    sockhandler::{Outgoing, Transport},
    testing::until,
};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use super::{
    client::{Answer, KEY, call, send},
    dids::{CUSTOMER, NAME, key},
    world::{World, start},
};

impl World {
    async fn with_key(&self, key: &str, line: &str) -> Answer {
        send(self.at, line, &[&format!("x-api-key: {key}")], "").await
    }

    async fn announce(&self, topic: &str) {
        let event = Outgoing {
            trace: None,
            routing_key: format!("{NAME}.{topic}"),
            message_id: Uuid::from_u128(1).to_string(),
            version: 1,
            customer_id: None,
            body: br#"{"type":"accesskey_deleted","publisher":"did-manager"}"#.to_vec(),
        };
        let mut lease = self.bus.lease(NAME, "test").await.unwrap();
        assert_eq!(lease.publish(&[event]).await, [true]);
    }
}

#[tokio::test]
async fn a_key_opens_within_its_tenant() {
    let world = start().await;
    world.dids.allow(&key(1), &["did:next"], json!({}));
    let headers = [
        &*format!("authorization: Bearer {}", key(1)),
        "x-request-id: 17.4",
    ];
    let answer = send(world.at, "GET /v1/dids/next?a=1", &headers, "").await;
    let expected = json!({
        "customer_id": CUSTOMER,
        "access_key_id": Uuid::from_u128(0xa),
        "client_request_id": "17.4",
        "query": { "a": "1" },
        "selected_did": "+14155550123",
    });
    assert_eq!((answer.status, answer.json()), (200, expected));
    let operator = call(world.at, "GET /v1/dids/next", &[], "").await.json();
    assert_eq!(operator["customer_id"], json!(null));
    assert_eq!(operator["access_key_id"], json!(null));
    assert_eq!(
        operator["client_request_id"],
        json!(null),
        "one made up is not told"
    );
}

#[tokio::test]
async fn a_wrong_key_is_asked_about_once_and_a_malformed_one_never() {
    let world = start().await;
    for key in ["did_12", &KEY.replace('a', "b"), &format!("{}0", key(1))] {
        let answer = world.with_key(key, "GET /v1/dids").await;
        assert_eq!(
            (answer.status, answer.reason()),
            (401, "INVALID_API_KEY".to_owned())
        );
    }
    assert_eq!(world.dids.asked(), 0);
    for _ in 0..3 {
        let answer = world.with_key(&key(1), "GET /v1/dids").await;
        assert_eq!(
            (answer.status, answer.json()["message"].clone()),
            (401, json!("Invalid API key"))
        );
    }
    assert_eq!(world.dids.asked(), 1);
    assert_eq!(world.with_key(KEY, "GET /v1/dids").await.status, 200);
    assert_eq!(
        world.dids.asked(),
        1,
        "nobody is asked about the operator's key"
    );
}

#[rstest]
#[case("GET /v1/dids", &["did:read", "did:write"], "did:read")]
#[case("POST /v1/dids", &["did:write"], "did:write")]
#[case("GET /v1/dids/next", &["did:next"], "did:next")]
#[case("GET /v1/notes", &["note:read", "note:write"], "note:read")]
#[case("POST /v1/notes", &["note:write"], "note:write")]
#[tokio::test]
async fn each_route_needs_its_scope(
    #[case] line: &str,
    #[case] enough: &[&str],
    #[case] named: &str,
) {
    let world = start().await;
    let all = [
        "did:read",
        "did:write",
        "did:next",
        "note:read",
        "note:write",
    ];
    for (number, scope) in (0..).zip(all) {
        world.dids.allow(&key(number), &[scope], json!({}));
        let headers = [&*format!("x-api-key: {}", key(number))];
        let answer = send(world.at, line, &headers, "{}").await;
        if enough.contains(&scope) {
            assert_eq!(answer.status, 200, "{scope} {}", answer.text);
        } else {
            assert_eq!(answer.status, 403, "{scope}");
            let text = answer.text.to_ascii_lowercase();
            assert!(text.contains("scope_required"), "{}", answer.text);
            assert!(answer.text.contains(named), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn what_is_not_for_tenants_is_refused_and_what_is_not_for_http_is_not_there() {
    let world = start().await;
    world
        .dids
        .allow(&key(1), &["did:read", "did:write", "did:next"], json!({}));
    let answer = world.with_key(&key(1), "GET /v1/dids/secret").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (403, "OPERATOR_ONLY".to_owned())
    );
    assert_eq!(
        call(world.at, "GET /v1/dids/secret", &[], "").await.status,
        200
    );
    let body = json!({ "prefix": "did_00000000", "hash": "" }).to_string();
    for line in [
        "POST /v1/accesskeys/verify",
        "POST /api/v1/accesskeys/verify",
    ] {
        let answer = call(world.at, line, &[], &body).await;
        assert_eq!(
            (answer.status, answer.reason()),
            (404, "ROUTE_NOT_FOUND".to_owned())
        );
    }
    assert_eq!(world.dids.asked(), 1);
}

#[rstest]
#[case("accesskey.5b1a.deleted")]
#[case("customer.5b1a.deleted")]
#[tokio::test]
async fn a_revoked_key_is_refused_as_soon_as_it_is_announced(#[case] topic: &str) {
    let world = start().await;
    world.dids.allow(&key(1), &["did:read"], json!({}));
    assert_eq!(world.with_key(&key(1), "GET /v1/dids").await.status, 200);
    world.dids.revoke(&key(1));
    world.announce("did.5b1a.updated").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(
        world.with_key(&key(1), "GET /v1/dids").await.status,
        200,
        "believed for a moment"
    );
    let announced = Instant::now();
    world.announce(topic).await;
    until("the refusal", async || {
        (world.with_key(&key(1), "GET /v1/dids").await.status == 401).then_some(())
    })
    .await;
    // Without the announcement it would be believed for nearly five.
    assert!(
        announced.elapsed() < Duration::from_secs(3),
        "{:?}",
        announced.elapsed()
    );
}

#[tokio::test]
async fn without_any_event_a_verdict_is_believed_for_five_seconds_at_most() {
    let world = start().await;
    world.dids.allow(&key(1), &["did:read"], json!({}));
    let before = Instant::now();
    assert_eq!(world.with_key(&key(1), "GET /v1/dids").await.status, 200);
    let after = Instant::now();
    world.dids.revoke(&key(1));
    let mut last_good = Duration::ZERO;
    until("the refusal", async || {
        let sent = after.elapsed();
        let is_good = world.with_key(&key(1), "GET /v1/dids").await.status == 200;
        last_good = if is_good { sent } else { last_good };
        (!is_good).then_some(())
    })
    .await;
    assert!(last_good < Duration::from_secs(5), "{last_good:?}");
    assert!(
        before.elapsed() >= Duration::from_secs(5),
        "it was asked again too early"
    );
    assert_eq!(world.dids.asked(), 2);
}

#[tokio::test]
async fn what_is_asked_while_an_event_comes_is_kept_for_nobody() {
    let world = start().await;
    world.dids.allow(&key(1), &["did:read"], json!({}));
    world.dids.gate.forget_permits(usize::MAX >> 3);
    let at = world.at;
    let asking = tokio::spawn(async move {
        send(at, "GET /v1/dids", &[&format!("x-api-key: {}", key(1))], "").await
    });
    until("the question", async || {
        (world.dids.asked() == 1).then_some(())
    })
    .await;
    world.dids.revoke(&key(1));
    world.announce("accesskey.5b1a.deleted").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.dids.gate.add_permits(10);
    assert_eq!(asking.await.unwrap().status, 200, "it was asked before");
    assert_eq!(world.with_key(&key(1), "GET /v1/dids").await.status, 401);
}

#[tokio::test]
async fn equal_keys_are_asked_about_once_at_a_time() {
    let world = start().await;
    world.dids.allow(&key(1), &["did:read"], json!({}));
    world.dids.gate.forget_permits(usize::MAX >> 3);
    let at = world.at;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn(async move {
                send(at, "GET /v1/dids", &[&format!("x-api-key: {}", key(1))], "").await
            })
        })
        .collect();
    until("the question", async || {
        (world.dids.asked() > 0).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.dids.gate.add_permits(100);
    for call in calls {
        assert_eq!(call.await.unwrap().status, 200);
    }
    assert_eq!(world.dids.asked(), 1);
}

#[tokio::test]
async fn a_manager_that_says_nothing_is_503_and_asked_again_by_the_next() {
    let world = start().await;
    world.dids.allow(&key(1), &["did:read"], json!({}));
    world.dids.gate.forget_permits(usize::MAX >> 3);
    let asked = Instant::now();
    let answer = world.with_key(&key(1), "GET /v1/dids").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (503, "SERVICE_UNAVAILABLE".to_owned())
    );
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "{:?}",
        asked.elapsed()
    );
    let asked = Instant::now();
    let answer = world.with_key(&key(1), "GET /v1/dids/late").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (503, "REQUEST_TIMEOUT".to_owned())
    );
    assert!(
        asked.elapsed() < Duration::from_millis(850),
        "the route has less patience than a question about a key"
    );
    world.dids.gate.add_permits(100);
    until("an answer", async || {
        (world.with_key(&key(1), "GET /v1/dids").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_ends_with_its_time_though_it_was_verified_before() {
    let world = start().await;
    let in_an_hour = world.clock.now().plus(Duration::from_secs(3600));
    let more = json!({ "tm_expire": in_an_hour.to_string() });
    world.dids.allow(&key(1), &["did:read"], more);
    assert_eq!(world.with_key(&key(1), "GET /v1/dids").await.status, 200);
    world.clock.shift(3_600_000_001);
    let answer = world.with_key(&key(1), "GET /v1/dids").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (401, "INVALID_API_KEY".to_owned())
    );
    assert_eq!(world.dids.asked(), 1);
}

#[tokio::test]
async fn a_key_in_the_query_opens_where_the_route_says_so_and_goes_no_further() {
    let world = start().await;
    world
        .dids
        .allow(&key(1), &["did:next", "did:read"], json!({}));
    let at = |path: &str, more: &str| format!("GET {path}?a=1&key={}{more}", key(1));
    let answer = send(world.at, &at("/api/v1/dids/next", "&b=2"), &[], "").await;
    assert_eq!(
        (answer.status, &answer.json()["query"]),
        (200, &json!({ "a": "1", "b": "2" }))
    );
    let elsewhere = send(world.at, &at("/v1/dids", ""), &[], "").await;
    assert_eq!(
        (elsewhere.status, elsewhere.reason()),
        (401, "API_KEY_REQUIRED".to_owned())
    );
    let wrong = ["x-api-key: wrong"];
    let answer = send(world.at, &at("/v1/dids/next", ""), &wrong, "").await;
    assert_eq!(answer.status, 401, "a header is not mended by the query");
    let operator = format!("GET /v1/dids/next?key={KEY}");
    let answer = send(world.at, &operator, &[], "").await;
    assert_eq!((answer.status, &answer.json()["query"]), (200, &json!({})));
}
