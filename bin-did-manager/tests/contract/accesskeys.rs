//! Access keys: shown once, verified at each change of what they allow, and never passed on upwards.

use bin_common_handler::{
    databasehandler::Value,
    ids,
    models::{
        sock::{
            Method::{Delete, Get, Post, Put},
            Request,
        },
        time::Timestamp,
    },
    testing::{Client, Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::accounts::{ACCOUNT, DELETED, FOREIGN};
use crate::world::{World, ask_as, id_of, list, refused, text, wait_for_events};

const KEYS: &str = "/v1/accesskeys";
const VERIFY: &str = "/v1/accesskeys/verify";

fn hash(token: &str) -> String {
    let digest = Sha256::digest(token.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn question(token: &str) -> Json {
    json!({"prefix": token.get(..12), "hash": hash(token)})
}

async fn make(client: &Client, fields: Json) -> Json {
    client.ok(Post, KEYS, Some(fields)).await
}

/// Status and reason, or the verdict.
async fn verify(world: &World, token: &str) -> (u16, Json) {
    world
        .operator
        .call(Post, VERIFY, Some(question(token)))
        .await
}

async fn is_open(world: &World, token: &str) -> bool {
    let (status, said) = verify(world, token).await;
    let is_refused = (status, text(&said, "reason")) == (401, "INVALID_API_KEY");
    assert!(status == 200 || is_refused, "{status} {said}");
    status == 200
}

fn uri(key: &Json) -> String {
    format!("{KEYS}/{}", text(key, "id"))
}

#[derive(bin_common_handler::FromRow)]
struct Text {
    text: Option<String>,
}

/// Every text that the daemon has stored of its requests, changes and events.
async fn stored(world: &World) -> String {
    let db = world.installation.db();
    let mut all = String::new();
    for sql in [
        "SELECT reply AS text FROM did_inbox",
        "SELECT value_before AS text FROM did_audit_logs",
        "SELECT value_after AS text FROM did_audit_logs",
    ] {
        let rows: Vec<Text> = db.fetch_all(sql, vec![]).await.unwrap();
        rows.into_iter().for_each(|row| all.extend(row.text));
    }
    all
}

/// No service here sells to accounts; where there may be another that does, its scopes are given.
#[tokio::test]
async fn a_key_is_bound_to_an_account_of_another_service_where_there_may_be_one() {
    let account = ACCOUNT.to_string();
    let body = json!({"name": "b", "account_id": account, "scopes": ["exchange:buy"]});
    let world = World::new(Kind::Embedded).await;
    let said = refused(&world.client, Post, KEYS, Some(body.clone())).await;
    assert_eq!(said, (400, "INVALID_FIELD".to_owned()));
    world.end().await;
    let world = World::with_accounts(Kind::Full).await;
    let key = world.client.ok(Post, KEYS, Some(body)).await;
    assert_eq!(key["account_id"], json!(account));
    let uri = format!("{KEYS}/{}", text(&key, "id"));
    let moved = Some(json!({"account_id": null}));
    let said = refused(&world.client, Put, &uri, moved).await;
    assert_eq!(said, (400, "INVALID_FIELD".to_owned()));
    let own = json!({"name": "c", "account_id": account, "scopes": ["did:write"]});
    let said = refused(&world.client, Post, KEYS, Some(own)).await;
    assert_eq!(said, (400, "INVALID_FIELD".to_owned()));
    world.end().await;
}

#[rstest]
#[case::not_there(Uuid::from_u128(4))]
#[case::deleted(DELETED)]
#[case::another_customers(FOREIGN)]
#[tokio::test]
async fn a_key_is_bound_to_no_account_that_its_customer_does_not_have(#[case] account: Uuid) {
    let world = World::with_accounts(Kind::Full).await;
    let body = json!({"name": "b", "account_id": account, "scopes": ["exchange:buy"]});
    let mut of_operator = body.clone();
    of_operator["customer_id"] = json!(world.customer_id);
    for (client, body) in [(&world.client, body), (&world.operator, of_operator)] {
        let (status, said) = client.call(Post, KEYS, Some(body)).await;
        let is_named = text(&said, "message").starts_with("account_id");
        assert!((status, is_named) == (400, true), "{status} {said}");
    }
    assert_eq!(list(world.client.ok(Get, KEYS, None).await).len(), 0);
    world.end().await;
}

/// Such a key could not be told from one that opens nothing.
#[tokio::test]
async fn no_key_is_bound_to_an_account_while_nobody_knows_accounts() {
    let world = World::new(Kind::Full).await;
    let body = json!({"name": "b", "account_id": ACCOUNT, "scopes": ["exchange:buy"]});
    let (status, said) = world.client.call(Post, KEYS, Some(body)).await;
    assert_eq!(status, 503, "{said}");
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_token_is_shown_once_and_rests_nowhere(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let events = world.operator.events().await;
    let body = json!({"name": "dialer 1", "expires": "90d"});
    let ask = async || {
        let (body, key) = (Some(body.clone()), Some("make-1"));
        world.client.call_keyed(Post, KEYS, body, key).await
    };
    let (status, made) = ask().await;
    let token = text(&made, "token");
    assert_eq!((status, token.len()), (200, 68), "{made}");
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let digits = token.strip_prefix("did_").unwrap();
    assert!(digits.chars().all(is_hex), "{token}");
    assert_eq!(Some(text(&made, "prefix")), token.get(..12));
    assert_eq!(made["scopes"], json!(["did:next", "did:report"]));
    assert!(is_open(&world, token).await);

    let mut without = made.clone();
    without.as_object_mut().unwrap().remove("token");
    assert_eq!(
        ask().await,
        (200, without),
        "a repeated request shows no token"
    );
    assert_eq!(list(world.client.ok(Get, KEYS, None).await).len(), 1);

    world
        .client
        .ok(Put, &uri(&made), Some(json!({"name": "x"})))
        .await;
    world.client.ok(Delete, &uri(&made), None).await;
    let expected = [
        "accesskey_created",
        "accesskey_updated",
        "accesskey_deleted",
    ];
    let heard = wait_for_events(&events, &made["id"], &expected).await;

    let mut seen = stored(&world).await;
    heard
        .iter()
        .for_each(|event| seen.push_str(event.event.data.as_ref().unwrap().get()));
    for uri in [KEYS, "/v1/audit_logs", &uri(&made)] {
        seen.push_str(&world.client.ok(Get, uri, None).await.to_string());
    }
    assert!(
        seen.contains(text(&made, "prefix")),
        "it was looked in the right place"
    );
    assert!(!seen.contains(token) && !seen.contains(&hash(token)));
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_verdict_says_what_a_key_allows(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with(kind, json!({"rate_per_second": 100, "rate_burst": 200})).await;
    let fields = json!({
        "name": "d", "scopes": ["did:read", "did:next", "did:read"], "tm_expire": "2100-01-01T00:00:00Z",
        "rate_per_second": 5, "rate_burst": 9,
    });
    let key = make(&world.client, fields).await;
    let expected = json!({
        "id": key["id"], "customer_id": world.customer_id, "scopes": ["did:next", "did:read"],
        "tm_expire": "2100-01-01T00:00:00Z", "rate_per_second": 5, "rate_burst": 9,
        "customer_rate_per_second": 100, "customer_rate_burst": 200,
    });
    assert_eq!(verify(&world, text(&key, "token")).await, (200, expected));

    let plain = make(&world.client, json!({})).await;
    let (_, verdict) = verify(&world, text(&plain, "token")).await;
    for name in ["tm_expire", "rate_per_second", "rate_burst"] {
        assert_eq!(verdict[name], Json::Null, "{name}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_wrong_key_is_refused_and_no_more_told(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let key = make(&world.client, json!({})).await;
    let token = text(&key, "token");
    let unknown = format!("did_{}", "0".repeat(64));
    let no = (401, "INVALID_API_KEY".to_owned());
    let mut other_prefix = question(token);
    other_prefix["prefix"] = json!("did_00000000");
    for body in [question(&unknown), other_prefix] {
        assert_eq!(refused(&world.operator, Post, VERIFY, Some(body)).await, no);
    }
    let stranger = world.operator.within(ids::next());
    let body = question(token);
    assert_eq!(refused(&stranger, Post, VERIFY, Some(body)).await, no);
    let body = json!({"prefix": "did_00000000", "hash": "xyz"});
    let malformed = refused(&world.operator, Post, VERIFY, Some(body)).await;
    assert_eq!(malformed, (400, "INVALID_FIELD".to_owned()));
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn what_ends_a_key_ends_it_at_once(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let (one, two) = (
        make(&world.client, json!({})).await,
        make(&world.client, json!({})).await,
    );
    let (revoked, token) = (text(&one, "token"), text(&two, "token"));
    let first = world.client.ok(Delete, &uri(&one), None).await;
    assert!(!is_open(&world, revoked).await && is_open(&world, token).await);
    let second = world.client.ok(Delete, &uri(&one), None).await;
    assert_eq!(first, second, "a second DELETE changes nothing");
    let no = refused(&world.client, Put, &uri(&one), Some(json!({"name": "x"}))).await;
    assert_eq!(no, (404, "ACCESSKEY_NOT_FOUND".to_owned()));

    let expire = "UPDATE did_accesskeys SET tm_expire = ? WHERE id = ?";
    let past = Value::Time(Timestamp::from_micros(1_000_000));
    world.sql(expire, vec![past, id_of(&two).into()]).await;
    assert!(!is_open(&world, token).await);
    world
        .client
        .ok(Put, &uri(&two), Some(json!({"name": "still changeable"})))
        .await;
    world
        .client
        .ok(Put, &uri(&two), Some(json!({"expires": null})))
        .await;
    assert!(is_open(&world, token).await);

    let customer = format!("/v1/customers/{}", world.customer_id);
    for (status, open) in [("suspended", false), ("active", true)] {
        let body = Some(json!({"status": status}));
        world.operator.ok(Put, &customer, body).await;
        assert_eq!(is_open(&world, token).await, open, "{status}");
    }
    world.operator.ok(Delete, &customer, None).await;
    assert!(!is_open(&world, token).await);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_use_is_noted_once_a_minute_and_silently(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let made = make(&world.client, json!({})).await;
    let (token, uri) = (text(&made, "token"), uri(&made));
    let used = async || {
        let key = world.client.ok(Get, &uri, None).await;
        assert_eq!(key["tm_update"], made["tm_update"], "no new version");
        key["tm_used"].clone()
    };
    assert_eq!(used().await, Json::Null);
    assert!(is_open(&world, token).await);
    let first = until("the first use", async || {
        Some(used().await).filter(|time| !time.is_null())
    })
    .await;
    for _ in 0..5 {
        assert!(is_open(&world, token).await);
    }
    // A later key's use is written after anything that those could have caused.
    let other = make(&world.client, json!({})).await;
    assert!(is_open(&world, text(&other, "token")).await);
    let other_uri = format!("{KEYS}/{}", text(&other, "id"));
    until("the other key's use", async || {
        let key = world.client.ok(Get, &other_uri, None).await;
        (!key["tm_used"].is_null()).then_some(())
    })
    .await;
    assert_eq!(used().await, first);

    let long_ago = Value::Time(Timestamp::from_micros(1_000_000));
    let sql = "UPDATE did_accesskeys SET tm_used = ? WHERE id = ?";
    world.sql(sql, vec![long_ago, id_of(&made).into()]).await;
    assert!(is_open(&world, token).await);
    until("the next use", async || {
        let time = used().await;
        (time != json!("1970-01-01T00:00:01Z")).then_some(())
    })
    .await;
    world.end().await;
}

#[rstest]
#[case::alone(Kind::Embedded, 400)]
#[case::others_may_be_on_the_broker(Kind::Full, 200)]
#[tokio::test]
async fn a_scope_of_another_service_is_given_where_there_may_be_one(
    #[case] kind: Kind,
    #[case] expected: u16,
) {
    let world = World::new(kind).await;
    let body = json!({"name": "elsewhere", "scopes": ["call:write"]});
    let request = Request::new(Post, KEYS, "test").json(&body).unwrap();
    let request = Request {
        customer_id: world.client.customer_id,
        ..request
    };
    let reply = world.client.send(&request).await.unwrap();
    assert_eq!(reply.status_code, expected, "{}", reply.body());
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_key_gives_no_more_than_it_has(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let scopes = |scopes: &[&str]| Some(json!({"scopes": scopes}));
    let admin = make(
        &world.client,
        json!({"scopes": ["key:write", "did:write", "did:next"]}),
    )
    .await;
    let admin = id_of(&admin);
    let ask = async |method, uri: &str, body| {
        let (status, said) = ask_as(&world.client, admin, method, uri, body).await;
        (status, text(&said, "reason").to_owned(), said)
    };
    let (status, _, made) = ask(Post, KEYS, scopes(&["did:next", "did:read", "key:read"])).await;
    assert_eq!(status, 200, "{made}");
    for lacking in [
        scopes(&["did:report"]),
        scopes(&["audit:read", "did:next"]),
        Some(json!({})),
    ] {
        let (status, reason, _) = ask(Post, KEYS, lacking).await;
        assert_eq!((status, reason.as_str()), (403, "SCOPE_NOT_HELD"));
    }
    let strong = make(&world.client, json!({"scopes": ["audit:read"]})).await;
    let no = (403, "SCOPE_NOT_HELD".to_owned());
    for (key, wanted) in [(&made, "did:report"), (&strong, "did:report")] {
        let (status, reason, _) = ask(Put, &uri(key), scopes(&[wanted])).await;
        assert_eq!((status, reason), no, "{wanted}");
    }
    // What another key already has may stay, and itself cannot grow.
    let (status, _, said) = ask(Put, &uri(&strong), scopes(&["audit:read", "did:next"])).await;
    assert_eq!(status, 200, "{said}");
    let own = format!("{KEYS}/{admin}");
    let (status, reason, _) = ask(Put, &own, scopes(&["key:write", "audit:read"])).await;
    assert_eq!((status, reason), no);

    let other = world
        .operator
        .ok(Post, "/v1/customers", Some(json!({"name": "o"})))
        .await;
    let foreign = world.operator.within(id_of(&other));
    for key in [admin, ids::next()] {
        let (status, said) = ask_as(&foreign, key, Post, KEYS, scopes(&["did:next"])).await;
        let expected = (403, "ACCESS_KEY_NOT_ALLOWED");
        assert_eq!((status, text(&said, "reason")), expected);
    }
    world.client.ok(Delete, &own, None).await;
    let (status, reason, _) = ask(Post, KEYS, scopes(&["did:next"])).await;
    assert_eq!((status, reason.as_str()), (403, "ACCESS_KEY_NOT_ALLOWED"));
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_key_is_changed_field_by_field(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let fields = json!({
        "name": "a", "number_format": "10", "rate_per_second": 3, "rate_burst": 4, "expires": "2100-06-01",
        "prefix": "mine", "token": "mine", "id": ids::next(),
    });
    let key = make(&world.client, fields).await;
    assert!(text(&key, "prefix").starts_with("did_"));
    assert_eq!(key["tm_expire"], "2100-06-01T00:00:00Z");
    let changed = world
        .client
        .ok(Put, &uri(&key), Some(json!({"name": "b"})))
        .await;
    assert_eq!(
        (&changed["name"], &changed["number_format"]),
        (&json!("b"), &json!("10"))
    );
    let nothing = json!({
        "number_format": null, "rate_per_second": null, "rate_burst": null, "expires": null, "scopes": null,
    });
    let cleared = world.client.ok(Put, &uri(&key), Some(nothing)).await;
    for name in [
        "number_format",
        "rate_per_second",
        "rate_burst",
        "tm_expire",
    ] {
        assert_eq!(cleared[name], Json::Null, "{name}");
    }
    assert_eq!(cleared["scopes"], json!(["did:next", "did:report"]));
    assert_eq!(world.client.ok(Get, &uri(&key), None).await, cleared);
    world.end().await;
}

#[rstest]
#[case(json!({"scopes": ["did:everything"]}), "scopes must be among did:next")]
#[case(json!({"scopes": []}), "the number of scopes")]
#[case(json!({"scopes": "did:next"}), "scopes must be a list")]
#[case(json!({"number_format": "e16"}), "number_format must be e164, 11 or 10")]
#[case(json!({"rate_per_second": -1}), "rate_per_second must be from 0")]
#[case(json!({"rate_burst": 0}), "rate_burst must be from 1")]
#[case(json!({"expires": "tomorrow"}), "expires must be a time")]
#[case(json!({"expires": "2020-01-01"}), "expires must lie in the future")]
#[case(json!({"name": 7}), "name must be a text")]
#[tokio::test]
async fn a_wrong_field_is_named(#[case] fields: Json, #[case] message: &str) {
    let world = World::new(Kind::Embedded).await;
    let key = make(&world.client, json!({})).await;
    for (method, uri) in [(Post, KEYS.to_owned()), (Put, uri(&key))] {
        let (status, error) = world.client.call(method, &uri, Some(fields.clone())).await;
        assert_eq!(status, 400, "{error}");
        assert!(text(&error, "message").starts_with(message), "{error}");
    }
    assert_eq!(list(world.client.ok(Get, KEYS, None).await).len(), 1);
    world.end().await;
}

#[test]
fn verifying_is_a_read_for_services_only() {
    let routes = (bin_did_manager::MANAGER.routes)();
    let verify = routes
        .iter()
        .find(|route| route.template == VERIFY)
        .unwrap();
    assert!(!verify.is_effect && verify.edge.is_internal);
}

#[tokio::test]
async fn a_key_stands_for_a_user_of_its_own_customer_only() {
    let world = World::new(Kind::Embedded).await;
    let operator = &world.operator;
    let user = async |client: &Client| {
        let body = json!({"email": "ann@example.com", "role": "agent"});
        client.ok(Post, "/v1/users", Some(body)).await
    };
    let other = json!({"name": "b"});
    let other = operator.ok(Post, "/v1/customers", Some(other)).await;
    let theirs = user(&operator.within(id_of(&other))).await;
    let ours = user(&world.client).await;
    let key = |user: &Json| json!({"name": "desk", "role": "agent", "user_id": user["id"], "scopes": ["did:read"]});
    let nobody = json!({"id": "5b1a0000-0000-7000-8000-00000000000a"});
    let not_found = (404, "USER_NOT_FOUND".to_owned());
    for stranger in [&theirs, &nobody] {
        let refusal = refused(&world.client, Post, KEYS, Some(key(stranger))).await;
        assert_eq!(refusal, not_found);
    }
    let made = world.client.ok(Post, KEYS, Some(key(&ours))).await;
    let refusal = refused(&world.client, Put, &uri(&made), Some(key(&theirs))).await;
    assert_eq!(refusal, not_found);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn whoever_is_deleted_leaves_no_key_that_opens_anything(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let client = &world.client;
    let user = async |email: &str| {
        let body = json!({"email": email, "role": "agent"});
        client.ok(Post, "/v1/users", Some(body)).await
    };
    let (ann, bob) = (user("ann@example.com").await, user("bob@example.com").await);
    let desk = make(client, json!({"user_id": ann["id"]})).await;
    let phone = make(client, json!({"user_id": ann["id"]})).await;
    let others = make(client, json!({"user_id": bob["id"]})).await;
    let nobodys = make(client, json!({})).await;
    let events = client.events().await;
    let gone = format!("/v1/users/{}", text(&ann, "id"));
    client.ok(Delete, &gone, None).await;
    for (key, open) in [
        (&desk, false),
        (&phone, false),
        (&others, true),
        (&nobodys, true),
    ] {
        assert_eq!(is_open(&world, text(key, "token")).await, open, "{key}");
    }
    until("the keys' end is told", async || {
        let heard = events.heard();
        let ended = heard
            .iter()
            .filter(|it| it.event.kind == "accesskey_deleted");
        (ended.count() == 2).then_some(())
    })
    .await;
    let refusal = refused(client, Put, &uri(&desk), Some(json!({"name": "x"}))).await;
    assert_eq!(refusal, (404, "ACCESSKEY_NOT_FOUND".to_owned()));
    let key = json!({"name": "new", "user_id": ann["id"]});
    let refusal = refused(client, Post, KEYS, Some(key)).await;
    assert_eq!(refusal, (404, "USER_NOT_FOUND".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn a_key_with_a_role_has_the_scopes_of_its_routes_unless_others_are_named() {
    let world = World::new(Kind::Embedded).await;
    let made = async |fields: Json| world.client.ok(Post, KEYS, Some(fields)).await;
    let steers = made(json!({"name": "floor", "role": "supervisor"})).await;
    let held = steers["scopes"].as_array().unwrap();
    assert!(held.contains(&json!("did:read")), "{steers}");
    assert!(!held.contains(&json!("did:write")), "{steers}");
    let named = json!({"name": "floor", "role": "supervisor", "scopes": ["did:report"]});
    assert_eq!(made(named).await["scopes"], json!(["did:report"]));
    // No route of this manager alone is a viewer's.
    let looks = json!({"name": "wall", "role": "viewer"});
    let (status, error) = world.client.call(Post, KEYS, Some(looks)).await;
    assert_eq!(status, 400, "{error}");
    let message = text(&error, "message");
    assert!(message.starts_with("scopes must be named"), "{message}");
    world.end().await;
}
