//! Notifications: once for their cause, by every way, tried again, quiet at night.

use std::time::Duration;

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    by_text::until_hour,
    mailserver::{Fault, MailServer},
    siblings::{AT_ONCE, NUMBER},
    world::{PERSON, World, id, reason, text},
};

/// A user of the business.
const USER: Uuid = Uuid::from_u128(0x55);
const ANN: &str = "ann@example.org";

async fn with_mail(kind: Kind) -> (World, MailServer) {
    let server = MailServer::start().await;
    let url = server.url();
    let settings = [
        ("SMTP_URL", url.as_str()),
        ("EMAIL_FROM", "Tandem <tandem@example.com>"),
    ];
    (World::with(kind, &settings).await, server)
}

fn mail(key: &str) -> Json {
    json!({
        "channel": "email", "to": ANN, "key": key,
        "data": {"subject": "Somebody called", "text": "Please call back.\n.\nThanks"},
    })
}

async fn notify(world: &World, body: Json) -> Json {
    world.client.ok(Post, "/v1/notifications", Some(body)).await
}

/// A notification, once it fits.
async fn now(world: &World, made: &Json, fits: impl Fn(&Json) -> bool) -> Json {
    let uri = format!("/v1/notifications/{}", id(made));
    until("the notification", async || {
        let now = world.client.ok(Get, &uri, None).await;
        fits(&now).then_some(now)
    })
    .await
}

fn is(status: &'static str) -> impl Fn(&Json) -> bool {
    move |row| text(row, "status") == status
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_mail(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, server) = with_mail(kind).await;
    server.next(&[Fault::Slow(Duration::from_millis(500))]);
    let one = || notify(&world, mail("call:1"));
    let (first, second, third) = tokio::join!(one(), one(), one());
    assert_eq!(
        (id(&first), id(&second)),
        (id(&second), id(&third)),
        "the same"
    );
    now(&world, &first, is("sent")).await;
    notify(&world, mail("call:1")).await;
    let other = notify(&world, mail("call:2")).await;
    now(&world, &other, is("sent")).await;
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    let taken = &mails[0];
    assert_eq!(taken.to, [ANN]);
    assert_eq!(taken.from, "tandem@example.com");
    assert_eq!(taken.header("subject"), "Somebody called");
    let expected = format!("<{}@example.com>", id(&first));
    assert_eq!(taken.header("message-id"), expected);
    assert!(
        taken.text.contains("back.\r\n.\r\nThanks"),
        "{}",
        taken.text
    );
    let stranger = world.of(AT_ONCE);
    let uri = format!("/v1/notifications/{}", id(&first));
    assert_eq!(stranger.call(Get, &uri, None).await.0, 404);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_does_not_take_now_is_tried_again(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, server) = with_mail(kind).await;
    server.next(&[Fault::Recipient(451), Fault::HangUp, Fault::Login]);
    let made = notify(&world, mail("call:1")).await;
    for (tries, passed, code) in [
        (1, 60, "SMTP_NOT_NOW"),
        (2, 180, "SMTP_UNREACHABLE"),
        (3, 420, "SMTP_LOGIN_REFUSED"),
    ] {
        let failed = now(&world, &made, |row| row["tries"] == json!(tries)).await;
        assert_eq!(text(&failed, "status"), "pending");
        assert_eq!(text(&failed, "error_code"), code);
        assert_eq!(server.connections(), tries, "not before its time");
        world.pass(passed);
    }
    now(&world, &made, is("sent")).await;
    assert_eq!(server.mails().len(), 1);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_will_ever_take_is_alerted_of(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, server) = with_mail(kind).await;
    let sink = world.client.events().await;
    server.next(&[Fault::Recipient(550)]);
    let made = notify(&world, mail("call:1")).await;
    let failed = now(&world, &made, is("failed")).await;
    assert_eq!(text(&failed, "error_code"), "SMTP_REFUSED");
    assert_eq!(failed["tm_next"], Json::Null);
    let alert = until("an alert", async || {
        let heard = sink.heard();
        heard
            .into_iter()
            .find(|event| event.event.kind == "alert_triggered")
    })
    .await;
    let alert: Json = alert.data().unwrap();
    assert_eq!(text(&alert, "metric"), "notification_failure");
    assert!(!alert.to_string().contains(ANN), "{alert}");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn eight_tries_in_vain_are_the_end(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, server) = with_mail(kind).await;
    server.next(&[Fault::Recipient(451); 8]);
    let made = notify(&world, mail("call:1")).await;
    for tries in 1..8 {
        now(&world, &made, |row| row["tries"] == json!(tries)).await;
        world.pass(3_600 * tries);
    }
    let failed = now(&world, &made, is("failed")).await;
    assert_eq!(failed["tries"], json!(8));
    assert_eq!(server.connections(), 8);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_bothered_in_quiet_hours() {
    let (world, server) = with_mail(Kind::Embedded).await;
    // In the last minute of a day it would not be quiet.
    let night = until_hour(&world, 3);
    world.pass(night);
    let always = json!([{"from": "00:00", "to": "12:00"}, {"from": "12:00", "to": "23:59"}]);
    let mut body = mail("call:1");
    body["quiet_hours"] = always;
    body["timezone"] = json!("America/New_York");
    let made = notify(&world, body).await;
    assert_ne!(made["tm_next"], made["tm_create"], "{made}");
    assert_eq!(server.connections(), 0);
    world.pass(night + 24 * 3_600);
    // A try in a quiet one is put off to the next minute that is none.
    assert_eq!(text(&made, "status"), "pending");
    now(&world, &made, is("sent")).await;
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_subscribed_is_told_of_what_happens(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, server) = with_mail(kind).await;
    for (channel, to) in [("email", ANN), ("socket", "")] {
        let body = json!({
            "user_id": USER, "event_type": "conversation_created", "channel": channel, "to": to,
        });
        world
            .client
            .ok(Post, "/v1/notification_subscriptions", Some(body))
            .await;
    }
    let sink = world.client.events().await;
    world.text(PERSON, NUMBER, "My sink is clogged").await;
    let mails = server.until(1).await;
    assert_eq!(mails[0].header("subject"), "conversation_created");
    let event = until("the socket's event", async || {
        let heard = sink.heard();
        heard
            .into_iter()
            .find(|event| event.event.kind == "me_notified")
    })
    .await;
    assert!(
        event.routing_key.contains(&format!(".me.{USER}.notified")),
        "{}",
        event.routing_key
    );
    let data: Json = event.data().unwrap();
    assert_eq!(text(&data["data"], "type"), "conversation_created");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_text_takes_the_road_of_conversations(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let sms = |key: &str| json!({"channel": "sms", "to": PERSON, "key": key, "data": {"text": "We are on our way."}});
    let unknown = notify(&world, sms("1")).await;
    let unknown = now(&world, &unknown, is("failed")).await;
    assert_eq!(text(&unknown, "error_code"), "NO_CONSENT");

    world.text(PERSON, NUMBER, "My sink is clogged").await;
    world.conversation("heard", NUMBER, |_| true).await;
    let made = notify(&world, sms("2")).await;
    now(&world, &made, is("sent")).await;
    until("it was sent", async || {
        let texts = world.provider.texts_to(PERSON);
        (texts.len() == 1).then_some(())
    })
    .await;

    world.text(PERSON, NUMBER, "STOP").await;
    world
        .conversation("blocked", NUMBER, |seen| text(seen, "status") == "blocked")
        .await;
    let refused = notify(&world, sms("3")).await;
    let refused = now(&world, &refused, is("failed")).await;
    assert_eq!(text(&refused, "error_code"), "OPTED_OUT");
    assert_eq!(world.provider.texts_to(PERSON).len(), 1);
    world.end().await;
}

#[rstest]
#[case::key(json!({"channel": "email", "to": ANN, "data": {"text": "x"}}), "key")]
#[case::channel(json!({"channel": "pigeon", "to": ANN, "key": "1", "data": {"text": "x"}}), "channel")]
#[case::second_header(json!({"channel": "email", "to": "a@example.org\r\nBcc: b@example.org", "key": "1", "data": {"text": "x"}}), "to")]
#[case::list(json!({"channel": "email", "to": "a@example.org,b@example.org", "key": "1", "data": {"text": "x"}}), "to")]
#[case::number(json!({"channel": "sms", "to": "12", "key": "1", "data": {"text": "x"}}), "to")]
#[case::no_words(json!({"channel": "email", "to": ANN, "key": "1"}), "data.text")]
#[case::subject(json!({"channel": "email", "to": ANN, "key": "1", "data": {"text": "x", "subject": "a\r\nBcc: b@example.org"}}), "data.subject")]
#[case::data(json!({"channel": "email", "to": ANN, "key": "1", "data": [1]}), "data")]
#[case::large(json!({"channel": "email", "to": ANN, "key": "1", "data": {"text": "x".repeat(17_000)}}), "data")]
#[case::zone(json!({"channel": "email", "to": ANN, "key": "1", "data": {"text": "x"}, "timezone": "Mars"}), "timezone")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_by_its_field_and_written_nowhere(
    #[case] body: Json,
    #[case] field: &str,
) {
    let (world, _) = with_mail(Kind::Embedded).await;
    let refused = world
        .client
        .call(Post, "/v1/notifications", Some(body))
        .await;
    assert_eq!(refused.0, 400, "{}", refused.1);
    let message = text(&refused.1, "message");
    assert!(message.contains(field), "{}", refused.1);
    let listed = world.client.ok(Get, "/v1/notifications", None).await;
    assert_eq!(listed, json!([]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_and_endpoints_must_be_there() {
    let (world, server) = with_mail(Kind::Embedded).await;
    let mut body = mail("1");
    body["template"] = json!("no_such");
    let refused = world
        .client
        .call(Post, "/v1/notifications", Some(body))
        .await;
    assert_eq!(reason(&refused), (404, "TEMPLATE_NOT_FOUND"));
    let body = json!({"channel": "webhook", "to": USER, "key": "1"});
    let refused = world
        .client
        .call(Post, "/v1/notifications", Some(body))
        .await;
    assert_eq!(reason(&refused), (404, "WEBHOOKENDPOINT_NOT_FOUND"));

    let mut body = mail("2");
    body["template"] = json!("reminder");
    body["data"] = json!({"business_name": "Mission Plumbing", "slot": "Tue 9:00"});
    notify(&world, body).await;
    let mails = server.until(1).await;
    assert!(
        mails[0].text.contains("Mission Plumbing"),
        "{}",
        mails[0].text
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_reaches_whom_its_channels_name_and_again_when_nobody_looks(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, server) = with_mail(kind).await;
    let rule = |channel: &str| {
        json!({
            "metric": "outbox_age", "threshold": 1, "channels": ["pager", channel],
            "escalate_after_seconds": 60,
        })
    };
    let rules = "/v1/alert_rules";
    let refused = world
        .client
        .call(Post, rules, Some(rule("email:nobody")))
        .await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    let rule = rule(&format!("email:{ANN}"));
    world.client.ok(Post, rules, Some(rule)).await;
    let seen = json!({"metric": "outbox_age", "value": 5});
    for _ in 0..2 {
        let seen = Some(seen.clone());
        world.client.ok(Post, "/v1/alerts", seen).await;
    }
    let mails = server.until(1).await;
    assert_eq!(mails[0].header("subject"), "Alert: outbox_age");
    assert_eq!(mails[0].to, [ANN]);
    world.pass(61);
    server.until(2).await;
    assert_eq!(server.mails().len(), 2);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_is_an_invitation_in_the_calendars_of_both(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, server) = with_mail(kind).await;
    let van = json!({"name": "Van 1", "email": "van@example.org"});
    let van = world.client.ok(Post, "/v1/resources", Some(van)).await;
    let start = world.clock.now().plus(Duration::from_secs(48 * 3_600));
    let at = |hours: u64| {
        let start = start.plus(Duration::from_secs(hours * 3_600));
        json!({
            "resource_id": id(&van), "tm_start": start,
            "tm_end": start.plus(Duration::from_secs(3_600)),
        })
    };
    let held = world.client.ok(Post, "/v1/reservations", Some(at(0))).await;
    let body = json!({"reservation_id": id(&held), "title": "Leaky sink", "email": ANN});
    let made = world.client.ok(Post, "/v1/appointments", Some(body)).await;
    let act = async |what: &str, body: Json| {
        let uri = format!("/v1/appointments/{}/{what}", id(&made));
        world.client.ok(Post, &uri, Some(body)).await
    };
    let told = async |count: usize, method: &str, sequence: usize| {
        let mails = server.until(count).await;
        let mut to: Vec<_> = mails[count - 2..].iter().map(|it| it.to.clone()).collect();
        to.sort_unstable();
        assert_eq!(to, [[ANN], ["van@example.org"]]);
        for mail in &mails[count - 2..] {
            let uid = format!("UID:{}@tandem", id(&made));
            let kind = format!("text/calendar; charset=utf-8; method={method}");
            let (method, sequence) = (format!("METHOD:{method}"), format!("SEQUENCE:{sequence}"));
            for line in [&*kind, &*method, &*uid, &*sequence, "SUMMARY:Leaky sink"] {
                assert!(mail.text.contains(line), "{line} in {}", mail.text);
            }
            assert!(
                mail.text.contains("mailto:tandem@example.com"),
                "{}",
                mail.text
            );
        }
    };
    told(2, "REQUEST", 0).await;
    act("reschedule", at(3)).await;
    told(4, "REQUEST", 1).await;
    act("cancel", json!({})).await;
    told(6, "CANCEL", 2).await;
    // Nothing changes by a second time, and a wrong address is told.
    act("cancel", json!({})).await;
    let held = world.client.ok(Post, "/v1/reservations", Some(at(6))).await;
    let body =
        json!({"reservation_id": id(&held), "email": "ann@example.org\r\nBcc: eve@example.org"});
    let refused = world
        .client
        .call(Post, "/v1/appointments", Some(body))
        .await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    assert_eq!(server.mails().len(), 6);
    world.end().await;
}
