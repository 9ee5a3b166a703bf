//! What is kept how long, and what a person may know and have forgotten.

use bin_common_handler::{
    models::sock::Method::{Get, Post, Put},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    siblings::{CUSTOMER, NUMBER},
    world::{PERSON, World, id, reason, text},
};

const DAY: i64 = 86_400;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn messages_go_after_180_days_and_conversations_after_13_months(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, &[("RETENTION_PERIOD", "100ms")]).await;
    world.text(PERSON, NUMBER, "STOP").await;
    let holds = |all: &[Json], body: &str| all.iter().any(|said| text(said, "body") == body);
    world
        .until_messages("the first", NUMBER, |all| holds(all, "STOP"))
        .await;
    assert!(webhooks(&world).await > 0);
    world.pass(2 * DAY);
    world.text(PERSON, NUMBER, "my heater leaks").await;
    world
        .until_messages("the second", NUMBER, |all| holds(all, "my heater leaks"))
        .await;
    world.pass(181 * DAY);
    until("what the carrier told is gone", async || {
        (webhooks(&world).await == 0).then_some(())
    })
    .await;
    let left = world
        .until_messages("the first is gone", NUMBER, |all| !holds(all, "STOP"))
        .await;
    assert!(holds(&left, "my heater leaks"), "it is young");
    world.pass(183 * DAY);
    world
        .until_messages("all are gone", NUMBER, |all| !holds(all, "my heater leaks"))
        .await;
    world
        .conversation("its row stays", NUMBER, |it| text(it, "status") == "closed")
        .await;
    world.pass(600 * DAY);
    until("no conversation", async || {
        world.conversations(NUMBER).await.is_empty().then_some(())
    })
    .await;
    let state = opted_out(&world).await;
    assert_eq!(state["opted_out"], json!(true), "an opt-out stays for ever");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn notifications_deliveries_and_absent_users_are_not_kept_for_ever(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, &[("RETENTION_PERIOD", "100ms")]).await;
    let client = world.of(NUMBER);
    let user = Uuid::from_u128(60);
    let beat = json!({"user_id": user, "device": "desk", "status": "online"});
    client.ok(Put, "/v1/presence", Some(beat.clone())).await;
    let mut gone = beat.clone();
    gone["status"] = json!("offline");
    client.ok(Put, "/v1/presence", Some(gone)).await;
    let told = json!({"channel": "socket", "to": user, "key": "k", "data": {"text": "hello"}});
    client.ok(Post, "/v1/notifications", Some(told)).await;
    let endpoint = json!({"url": "https://hooks.invalid/x", "enabled": false});
    let endpoint = client
        .ok(Post, "/v1/webhook_endpoints", Some(endpoint))
        .await;
    let uri = format!("/v1/webhook_endpoints/{}/test", id(&endpoint));
    client.ok(Post, &uri, None).await;
    let rows = async |what: &str| {
        let listed = client.ok(Get, &format!("/v1/{what}"), None).await;
        listed.as_array().unwrap().len()
    };
    let are = async |what: &str, expected: usize| {
        until(&format!("{expected} {what}"), async || {
            (rows(what).await == expected).then_some(())
        })
        .await;
    };
    are("presences", 1).await;
    world.pass(2 * DAY);
    are("presences", 0).await;
    assert_eq!(
        (rows("notifications").await, rows("deliveries").await),
        (1, 1)
    );
    world.pass(92 * DAY);
    are("deliveries", 0).await;
    assert_eq!(rows("notifications").await, 1);
    world.pass(182 * DAY);
    are("notifications", 0).await;
    // Who comes back is there again.
    client.ok(Put, "/v1/presence", Some(beat)).await;
    are("presences", 1).await;
    world.end().await;
}

/// Webhooks of carriers that are kept.
async fn webhooks(world: &World) -> i64 {
    #[derive(bin_common_handler::FromRow)]
    struct Count {
        n: i64,
    }
    let db = world.installation.db();
    let sql = "SELECT COUNT(*) AS n FROM chat_webhooks";
    let found: Option<Count> = db.fetch_optional(sql, Vec::new()).await.unwrap();
    found.unwrap().n
}

async fn opted_out(world: &World) -> Json {
    let uri = format!("/v1/optouts/lookup?number={}", PERSON.replace('+', "%2B"));
    world.of(NUMBER).ok(Get, &uri, None).await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_forgotten_is_known_by_a_hash_alone_and_still_gets_no_text(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    world.text(PERSON, NUMBER, "my heater leaks").await;
    world.text(PERSON, NUMBER, "STOP").await;
    world
        .conversation("a blocked one", NUMBER, |it| {
            text(it, "status") == "blocked"
        })
        .await;
    world
        .until_messages("both texts", NUMBER, |all| all.len() >= 2)
        .await;
    let client = world.of(NUMBER);
    let subject = json!({"customer_id": CUSTOMER, "phone": PERSON});
    let known = client
        .ok(Post, "/v1/subjects/lookup", Some(subject.clone()))
        .await;
    let bodies = known["messages"].to_string();
    assert!(bodies.contains("my heater leaks"), "{known}");
    assert_eq!(known["optout"]["opted_out"], json!(true));

    let told =
        json!({"channel": "sms", "to": PERSON, "key": "k", "data": {"text": "CANARY for Jane"}});
    client.ok(Post, "/v1/notifications", Some(told)).await;
    let endpoint = json!({"url": "https://hooks.invalid/x"});
    let endpoint = client
        .ok(Post, "/v1/webhook_endpoints", Some(endpoint))
        .await;
    let kept = world.conversations(NUMBER).await.remove(0);
    let db = world.installation.db();
    let delivery = "INSERT INTO chat_deliveries (id, customer_id, webhook_endpoint_id, webhook_id, event_type, payload, status, \
                    tries, attempts, error_code, tm_create, tm_update) \
                    VALUES (?, ?, ?, 'w', 'message_created', ?, 'delivered', 1, '[]', '', ?, ?)";
    let payload = json!({"data": {"conversation_id": id(&kept), "body": "CANARY"}}).to_string();
    let now = world.clock.now();
    let values = vec![
        Uuid::from_u128(77).into(),
        CUSTOMER.into(),
        id(&endpoint).parse::<Uuid>().unwrap().into(),
        payload.as_str().into(),
        now.into(),
        now.into(),
    ];
    db.execute(delivery, values).await.unwrap();
    drop(db);
    let known = client
        .ok(Post, "/v1/subjects/lookup", Some(subject.clone()))
        .await;
    assert!(
        known["notifications"].to_string().contains("CANARY"),
        "{known}"
    );

    world.erase(PERSON, "erased:0123").await;
    until("nothing is known", async || {
        let known = client
            .ok(Post, "/v1/subjects/lookup", Some(subject.clone()))
            .await;
        known["conversations"].as_array()?.is_empty().then_some(())
    })
    .await;
    let kept = world.conversations(NUMBER).await.remove(0);
    assert_eq!(
        (text(&kept, "person"), text(&kept, "status")),
        ("erased:0123", "closed")
    );
    for said in world.messages(NUMBER, &kept).await {
        assert_eq!(text(&said, "body"), "");
    }
    let told = client.ok(Get, "/v1/notifications", None).await.to_string();
    assert!(!told.contains("CANARY") && !told.contains(PERSON), "{told}");
    let uri = format!("/v1/deliveries/{}", Uuid::from_u128(77));
    assert_eq!(client.call(Get, &uri, None).await.0, 404);
    let listed = client.ok(Get, "/v1/optouts", None).await.to_string();
    assert!(!listed.contains(PERSON), "{listed}");
    assert_eq!(opted_out(&world).await["opted_out"], json!(true));

    // A call of theirs opens a conversation that is blocked, and nothing is sent.
    let sent = world.provider.texts_to(PERSON).len();
    world.miss(1, PERSON, NUMBER).await;
    let blocked = world
        .conversation("another", NUMBER, |it| id(it) != id(&kept))
        .await;
    assert_eq!(text(&blocked, "status"), "blocked");
    let words = json!({"client_message_id": "1", "body": "hello"});
    let refused = world.act(NUMBER, &blocked, "messages", Some(words)).await;
    assert_eq!(reason(&refused), (403, "OPTED_OUT"));
    assert_eq!(world.provider.texts_to(PERSON).len(), sent);
    world.end().await;
}
