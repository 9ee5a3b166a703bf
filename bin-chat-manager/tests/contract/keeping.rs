//! What is kept how long, and what a person may know and have forgotten.

use bin_common_handler::{
    models::sock::Method::{Get, Post, Put},
    testing::{Kind, Sink, until},
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
    count(world, "chat_webhooks").await
}

/// Rows of a table, as far as a condition behind it holds.
async fn count(world: &World, of: &str) -> i64 {
    #[derive(bin_common_handler::FromRow)]
    struct Count {
        n: i64,
    }
    let db = world.installation.db();
    let sql = format!("SELECT COUNT(*) AS n FROM {of}");
    let found: Option<Count> = db.fetch_optional(&sql, Vec::new()).await.unwrap();
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

/// An erasure, and its effect.
async fn forget(world: &World, pseudonym: &str) {
    world.erase(PERSON, pseudonym).await;
    let subject = json!({"customer_id": CUSTOMER, "phone": PERSON});
    let client = world.of(NUMBER);
    until("nothing is known", async || {
        let known = client
            .ok(Post, "/v1/subjects/lookup", Some(subject.clone()))
            .await;
        known["conversations"].as_array()?.is_empty().then_some(())
    })
    .await;
}

/// What was told by events of this kind, in their order.
fn heard(events: &Sink, kind: &str) -> Vec<Json> {
    let heard = events.heard().into_iter().map(|event| event.event);
    let data = heard.filter(|event| event.kind == kind);
    data.map(|event| serde_json::from_str(event.data.unwrap().get()).unwrap())
        .collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_was_forgotten_opts_out_and_in_again_everywhere(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let told = async |opted_out: bool| {
        until("all managers are told", async || {
            let last = heard(&events, "optout_changed").pop()?;
            (last["opted_out"] == json!(opted_out)).then_some(last)
        })
        .await
    };
    world.text(PERSON, NUMBER, "hello").await;
    world.conversation("heard", NUMBER, |_| true).await;
    forget(&world, "erased:0123").await;
    assert_eq!(world.text(PERSON, NUMBER, "STOP").await, 200);
    // Whoever calls or dials knows them by nothing else.
    assert_eq!(text(&told(true).await, "number"), PERSON);
    world
        .conversation("another", NUMBER, |it| text(it, "person") == PERSON)
        .await;
    forget(&world, "erased:0124").await;
    assert_eq!(opted_out(&world).await["opted_out"], json!(true));
    assert_eq!(world.text(PERSON, NUMBER, "START").await, 200);
    assert_eq!(text(&told(false).await, "number"), PERSON);
    assert_eq!(opted_out(&world).await["opted_out"], json!(false));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_an_erasure_names_nobody(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let client = world.of(NUMBER);
    let endpoint = json!({"url": "https://hooks.invalid/x"});
    client
        .ok(Post, "/v1/webhook_endpoints", Some(endpoint))
        .await;
    world.text(PERSON, NUMBER, "My sink leaks").await;
    world
        .conversation("what is known of it", NUMBER, |it| {
            text(&it["findings"], "service") == "My sink leaks"
        })
        .await;
    forget(&world, "erased:0123").await;
    // Whatever is told of it, is told before this one.
    world.text(PERSON, NUMBER, "it leaks again").await;
    let closed = "chat_deliveries WHERE event_type = 'conversation_closed'";
    until("the next one is told of, too", async || {
        let created = "chat_deliveries WHERE event_type = 'conversation_created'";
        let another = heard(&events, "conversation_created").len() >= 2;
        (another && count(&world, closed).await > 0 && count(&world, created).await > 0)
            .then_some(())
    })
    .await;
    let told = heard(&events, "conversation_closed");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(text(&told[0], "person"), "erased:0123");
    assert!(!told[0].to_string().contains("sink"), "{}", told[0]);
    assert_eq!(count(&world, closed).await, 1);
    let clear = format!("{closed} AND payload LIKE '%4155550123%'");
    assert_eq!(count(&world, &clear).await, 0);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_to_who_was_forgotten(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    world.text(PERSON, NUMBER, "hello").await;
    let conversation = world.conversation("heard", NUMBER, |_| true).await;
    forget(&world, "erased:0123").await;
    let again = world.act(NUMBER, &conversation, "reopen", None).await;
    assert_eq!(reason(&again), (409, "PERSON_ERASED"));
    // One that was opened again before that was refused.
    let db = world.installation.db();
    let sql = "UPDATE chat_conversations SET tm_closed = NULL, status = 'open', open_key = 'sms:erased:0123'";
    db.execute(sql, Vec::new()).await.unwrap();
    drop(db);
    let words = json!({"client_message_id": "1", "body": "hello"});
    let refused = world
        .act(NUMBER, &conversation, "messages", Some(words))
        .await;
    assert_eq!(reason(&refused), (409, "PERSON_ERASED"));
    assert_eq!(
        world.provider.requests(provider_stand_in::Route::Send),
        0,
        "the carrier is asked for nothing"
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_key_of_a_notification_keeps_a_number(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let client = world.of(NUMBER);
    for key in ["to:+14155550123", "4155550123/2", "to:+14155550124"] {
        let told = json!({"channel": "socket", "to": Uuid::from_u128(60), "key": key, "data": {}});
        client.ok(Post, "/v1/notifications", Some(told)).await;
    }
    world.erase(PERSON, "erased:0123").await;
    until("the number is gone", async || {
        let left = count(
            &world,
            "chat_notifications WHERE cause_key LIKE '%4155550123%'",
        )
        .await;
        (left == 0).then_some(())
    })
    .await;
    let others = count(
        &world,
        "chat_notifications WHERE cause_key = 'to:+14155550124'",
    )
    .await;
    assert_eq!((count(&world, "chat_notifications").await, others), (3, 1));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn numbers_go_with_their_last_conversation(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with(kind, &[("RETENTION_PERIOD", "100ms")]).await;
    let client = world.of(NUMBER);
    world.text(PERSON, NUMBER, "hello").await;
    let conversation = world.conversation("heard", NUMBER, |_| true).await;
    let optout = json!({"number": "+14155550177"});
    client.ok(Post, "/v1/optouts", Some(optout)).await;
    let closed = world.act(NUMBER, &conversation, "close", None).await;
    assert_eq!(closed.0, 200, "{}", closed.1);
    let lead = async || {
        let body = json!({"person": PERSON, "name": "Jane", "address": "1 Main St"});
        id(&client.ok(Post, "/v1/leads", Some(body)).await)
    };
    let of_it = text(&conversation, "lead_id").to_owned();
    let (lost, open) = (lead().await, lead().await);
    let uri = format!("/v1/leads/{lost}/status");
    let change = json!({"status": "lost"});
    client.ok(Post, &uri, Some(change)).await;
    let numbers = "chat_contacts WHERE number <> ''";
    assert_eq!(count(&world, numbers).await, 2);
    world.pass(390 * DAY);
    until("no message is kept", async || {
        (count(&world, "chat_messages").await == 0).then_some(())
    })
    .await;
    assert_eq!(count(&world, numbers).await, 2);
    world.pass(900 * DAY);
    until("no number is kept", async || {
        (count(&world, numbers).await == 0).then_some(())
    })
    .await;
    assert_eq!(count(&world, "chat_contacts").await, 2);
    let person = async |lead: &str| {
        let lead = client.ok(Get, &format!("/v1/leads/{lead}"), None).await;
        let words = ["person", "name", "address"].map(|word| text(&lead, word).to_owned());
        words.concat()
    };
    until("nor whose a lead was that is over", async || {
        let gone = [person(&of_it).await, person(&lost).await];
        (gone == ["", ""]).then_some(())
    })
    .await;
    assert!(person(&open).await.starts_with(PERSON), "it goes on");
    let uri = "/v1/optouts/lookup?number=%2B14155550177";
    let state = client.ok(Get, uri, None).await;
    assert_eq!(state["opted_out"], json!(true), "it is known by its hash");
    world.end().await;
}
