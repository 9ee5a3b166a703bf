//! Webhooks of customers: signed, tried until they arrive, kept with what became of each try.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    testing::{Kind, until},
};
use hmac::{Hmac, KeyInit, Mac};
use rstest::rstest;
use serde_json::{Value as Json, json};
use sha2::Sha256;
use uuid::Uuid;

use super::{
    receiver::{Manner, Receiver, Sent},
    siblings::{AT_ONCE, NUMBER},
    world::{PERSON, World, id, reason, text},
};

async fn endpoint(world: &World, receiver: &Receiver, events: &[&str]) -> Json {
    let body = json!({"url": receiver.url("/hook"), "events": events, "description": "ours"});
    world
        .client
        .ok(Post, "/v1/webhook_endpoints", Some(body))
        .await
}

async fn test_event(world: &World, endpoint: &Json) -> Json {
    let uri = format!("/v1/webhook_endpoints/{}/test", id(endpoint));
    world.client.ok(Post, &uri, None).await
}

/// A delivery, once it fits.
async fn delivery(world: &World, id: &str, fits: impl Fn(&Json) -> bool) -> Json {
    let uri = format!("/v1/deliveries/{id}");
    until("the delivery", async || {
        let delivery = world.client.ok(Get, &uri, None).await;
        fits(&delivery).then_some(delivery)
    })
    .await
}

fn is(status: &'static str) -> impl Fn(&Json) -> bool {
    move |delivery| text(delivery, "status") == status
}

/// As a receiver checks it, by the standard's own words.
fn is_signed(sent: &Sent, secret: &str) -> bool {
    let key = BASE64
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(sent.header("webhook-id").as_bytes());
    mac.update(b".");
    mac.update(sent.header("webhook-timestamp").as_bytes());
    mac.update(b".");
    mac.update(&sent.body);
    let expected = format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()));
    sent.header("webhook-signature")
        .split(' ')
        .any(|one| one == expected)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_event_reaches_the_endpoints_that_hear_of_it_signed_and_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let receiver = Receiver::start().await;
    let all = endpoint(&world, &receiver, &["conversation_created"]).await;
    endpoint(&world, &receiver, &["callcampaign_deleted"]).await;
    let stranger = world.of(AT_ONCE);
    let foreign = json!({"url": receiver.url("/foreign")});
    stranger
        .ok(Post, "/v1/webhook_endpoints", Some(foreign))
        .await;

    world.text(PERSON, NUMBER, "My sink is clogged").await;
    let sent = receiver.until(1).await.remove(0);
    assert_eq!(sent.path, "/hook");
    assert!(is_signed(&sent, text(&all, "secret")));
    let body = sent.json();
    assert_eq!(text(&body, "type"), "conversation_created");
    assert_eq!(text(&body["data"], "person"), PERSON);
    assert!(text(&body, "timestamp").ends_with('Z'), "{body}");
    let listed = world.client.ok(Get, "/v1/deliveries", None).await;
    let [only] = listed.as_array().unwrap().as_slice() else {
        panic!("{listed}");
    };
    let done = delivery(&world, &id(only), is("delivered")).await;
    assert_eq!(done["attempts"][0]["status_code"], json!(204));
    assert_eq!(text(&done, "webhook_id"), sent.header("webhook-id"));
    assert_eq!(receiver.sent().len(), 1);
    let uri = format!("/v1/deliveries/{}", id(only));
    assert_eq!(stranger.call(Get, &uri, None).await.0, 404);
    world.end().await;
}

#[derive(bin_common_handler::FromRow)]
struct Due {
    due_at: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_clock_leaps_does_not_try_what_it_is_trying() {
    let world = World::new(Kind::Embedded).await;
    let receiver = Receiver::start().await;
    let endpoint = endpoint(&world, &receiver, &[]).await;
    receiver.next(&[Manner::Held]);
    let made = test_event(&world, &endpoint).await;
    receiver.until(1).await;
    world.pass(3_600);
    let leapt = world.clock.now().micros();
    let db = world.installation.db();
    until("the timer comes back", async || {
        let sql = "SELECT due_at FROM chat_timers WHERE kind = 'chat_deliver'";
        let found: Option<Due> = db.fetch_optional(sql, Vec::new()).await.unwrap();
        (found?.due_at > leapt).then_some(())
    })
    .await;
    receiver.release();
    let done = delivery(&world, &id(&made), is("delivered")).await;
    assert_eq!(done["tries"], json!(1));
    until("the timer goes", async || {
        let sql = "SELECT due_at FROM chat_timers WHERE kind = 'chat_deliver'";
        let found: Option<Due> = db.fetch_optional(sql, Vec::new()).await.unwrap();
        found.is_none().then_some(())
    })
    .await;
    assert_eq!(receiver.sent().len(), 1);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_under_the_same_id_until_it_arrives(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let receiver = Receiver::start().await;
    let endpoint = endpoint(&world, &receiver, &[]).await;
    receiver.next(&[Manner::Status(500), Manner::HangUp, Manner::Status(302)]);
    let made = test_event(&world, &endpoint).await;
    for (tries, passed) in [(1, 60), (2, 180), (3, 420)] {
        let failed = delivery(&world, &id(&made), |seen| seen["tries"] == json!(tries)).await;
        assert_eq!(text(&failed, "status"), "pending");
        assert_eq!(receiver.sent().len(), tries, "not before its time");
        world.pass(passed);
    }
    let done = delivery(&world, &id(&made), is("delivered")).await;
    let codes: Vec<_> = done["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["status_code"].as_u64().unwrap())
        .collect();
    assert_eq!(codes, [500, 0, 302, 204]);
    let sent = receiver.sent();
    let first = sent[0].header("webhook-id");
    assert!(sent.iter().all(|sent| sent.header("webhook-id") == first));
    assert!(
        sent.iter()
            .all(|sent| is_signed(sent, text(&endpoint, "secret")))
    );
    assert_ne!(
        sent[0].header("webhook-timestamp"),
        sent[3].header("webhook-timestamp")
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn eight_tries_in_vain_are_the_end_until_somebody_replays_it(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let receiver = Receiver::start().await;
    let endpoint = endpoint(&world, &receiver, &[]).await;
    receiver.next(&[Manner::Status(404); 8]);
    let sink = world.client.events().await;
    let made = test_event(&world, &endpoint).await;
    for tries in 1..8 {
        delivery(&world, &id(&made), |seen| seen["tries"] == json!(tries)).await;
        world.pass(3_600 * tries);
    }
    let failed = delivery(&world, &id(&made), is("failed")).await;
    assert_eq!(failed["tries"], json!(8));
    assert_eq!(text(&failed, "error_code"), "NOT_DELIVERED");
    until("an alert", async || {
        let heard = sink.heard();
        heard
            .iter()
            .any(|event| event.event.kind == "alert_triggered")
            .then_some(())
    })
    .await;

    let uri = format!("/v1/deliveries/{}/replay", id(&made));
    world.client.ok(Post, &uri, None).await;
    let done = delivery(&world, &id(&made), is("delivered")).await;
    assert_eq!(done["attempts"].as_array().unwrap().len(), 9);
    let sent = receiver.sent();
    let ids: Vec<_> = sent
        .iter()
        .filter(|sent| text(&sent.json(), "type") == "webhook_test")
        .map(|sent| sent.header("webhook-id"))
        .collect();
    assert_eq!(ids.len(), 9);
    assert!(ids.iter().all(|one| *one == text(&made, "webhook_id")));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_takes_nothing_for_days_is_turned_off(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, &[("WEBHOOK_DISABLE_AFTER", "1h")]).await;
    let receiver = Receiver::start().await;
    let endpoint = endpoint(&world, &receiver, &["webhook_test"]).await;
    let uri = format!("/v1/webhook_endpoints/{}", id(&endpoint));
    receiver.next(&[Manner::Status(404); 2]);
    let made = test_event(&world, &endpoint).await;
    delivery(&world, &id(&made), |seen| seen["tries"] == json!(1)).await;
    let failing = world.client.ok(Get, &uri, None).await;
    assert_eq!(failing["enabled"], json!(true));
    assert_ne!(failing["tm_failing_since"], Json::Null);
    world.pass(3_601);
    until("it is off", async || {
        let now = world.client.ok(Get, &uri, None).await;
        (now["enabled"] == json!(false)).then_some(())
    })
    .await;
    world.pass(3_601 + 3_600);
    let over = delivery(&world, &id(&made), is("failed")).await;
    assert_eq!(text(&over, "error_code"), "ENDPOINT_DISABLED");
    assert_eq!(receiver.sent().len(), 2);

    let on = json!({"enabled": true});
    let on = world.client.ok(Put, &uri, Some(on)).await;
    assert_eq!(text(&on, "disabled_reason"), "");
    let made = test_event(&world, &endpoint).await;
    delivery(&world, &id(&made), is("delivered")).await;

    receiver.next(&[Manner::Status(410)]);
    let made = test_event(&world, &endpoint).await;
    delivery(&world, &id(&made), is("failed")).await;
    let gone = world.client.ok(Get, &uri, None).await;
    assert_eq!(text(&gone, "disabled_reason"), "gone");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once_and_two_sign_for_a_day(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let receiver = Receiver::start().await;
    let made = endpoint(&world, &receiver, &[]).await;
    let uri = format!("/v1/webhook_endpoints/{}", id(&made));
    let first = text(&made, "secret").to_owned();
    let shown = world.client.ok(Get, &uri, None).await;
    assert_eq!(shown.get("secret"), None);
    let rotated = world.client.ok(Post, &format!("{uri}/rotate"), None).await;
    let second = text(&rotated, "secret").to_owned();
    assert_ne!(first, second);

    let sent = async |count: usize| {
        let event = test_event(&world, &made).await;
        let sent = receiver.until(count).await.remove(count - 1);
        // Only when it is written down may the clock leap.
        delivery(&world, &id(&event), is("delivered")).await;
        sent
    };
    let both = sent(1).await;
    assert!(is_signed(&both, &first) && is_signed(&both, &second));
    world.pass(24 * 3_600);
    let one = sent(2).await;
    assert!(!is_signed(&one, &first) && is_signed(&one, &second));

    // Nothing of it stands anywhere in the database.
    #[derive(bin_common_handler::FromRow)]
    struct Row {
        secret: String,
        previous_secret: String,
    }
    let db = world.installation.db();
    let sql = "SELECT secret, previous_secret FROM chat_webhook_endpoints";
    let row: Option<Row> = db.fetch_optional(sql, Vec::new()).await.unwrap();
    let row = row.unwrap();
    for secret in [&first, &second] {
        assert!(!row.secret.contains(secret) && !row.previous_secret.contains(secret));
    }
    #[derive(bin_common_handler::FromRow)]
    struct Reply {
        reply: Option<String>,
    }
    let replies: Vec<Reply> = db
        .fetch_all("SELECT reply FROM chat_inbox", Vec::new())
        .await
        .unwrap();
    assert!(!replies.is_empty());
    let kept: String = replies.into_iter().filter_map(|row| row.reply).collect();
    assert!(!kept.contains("whsec_"), "{kept}");
    world.end().await;
}

#[rstest]
#[case::private(json!({"url": "https://10.0.0.1/hook"}), "ENDPOINT_NOT_PUBLIC")]
#[case::metadata(json!({"url": "http://169.254.169.254/"}), "ENDPOINT_NOT_PUBLIC")]
#[case::plain(json!({"url": "http://example.com/hook"}), "BAD_ENDPOINT")]
#[case::password(json!({"url": "https://me:secret@example.com/"}), "BAD_ENDPOINT")]
#[case::no_url(json!({"url": ""}), "INVALID_FIELD")]
#[case::events(json!({"url": "https://example.com", "events": ["Any*"]}), "INVALID_FIELD")]
#[case::never(json!({"url": "https://example.com", "events": ["no_such_event_ever"]}), "INVALID_FIELD")]
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_a_public_address(#[case] body: Json, #[case] expected: &str) {
    let settings = [("ALLOW_PRIVATE_ENDPOINTS", "false")];
    let world = World::with(Kind::Embedded, &settings).await;
    let refused = world
        .client
        .call(Post, "/v1/webhook_endpoints", Some(body))
        .await;
    assert_eq!(reason(&refused), (400, expected), "{}", refused.1);
    let listed = world.client.ok(Get, "/v1/webhook_endpoints", None).await;
    assert_eq!(listed, json!([]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_owed_before_a_restart_is_delivered_after_it() {
    let mut world = World::new(Kind::Full).await;
    let receiver = Receiver::start().await;
    let endpoint = endpoint(&world, &receiver, &[]).await;
    receiver.next(&[Manner::Slow(Duration::from_secs(20))]);
    let made = test_event(&world, &endpoint).await;
    receiver.until(1).await;
    let replica = world.replicas.remove(0);
    replica.kill();
    let again = world
        .installation
        .start_with_clock(world.clock.clone())
        .await;
    world.replicas.push(again);
    world.pass(40);
    let done = delivery(&world, &id(&made), is("delivered")).await;
    let sent = receiver.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1].header("webhook-id"), text(&done, "webhook_id"));
    let uri = format!("/v1/webhook_endpoints/{}", id(&endpoint));
    world.client.ok(Delete, &uri, None).await;
    let nobody = world.client.within(Uuid::from_u128(99));
    assert_eq!(nobody.call(Delete, &uri, None).await.0, 404);
    world.end().await;
}
