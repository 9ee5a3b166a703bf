//! Numbers change hands: what was said on one stays, and nothing leaves from it in the name of whoever had it.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    siblings::{AT_ONCE, CUSTOMER, NUMBER, PENDING, SUSPENDED, give, owner},
    world::{PERSON, World, all, id, reason, text},
};

fn word(id: &str) -> Option<Json> {
    Some(json!({"client_message_id": id, "body": "We come today."}))
}

/// The conversation with the person, once this daemon knows no more that the number was the business's.
async fn until_refused(world: &World, conversation: &Json) {
    let mut tries = 0;
    until("the number is known to be gone", async || {
        tries += 1;
        let key = format!("t-{tries}");
        let said = world
            .act(NUMBER, conversation, "messages", word(&key))
            .await;
        (reason(&said) == (409, "NUMBER_GONE")).then_some(())
    })
    .await;
}

async fn heard(world: &World, count: i64) -> Json {
    world
        .conversation("heard", NUMBER, |it| {
            it["inbound_seq"].as_i64() >= Some(count)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_when_a_number_changes_hands_fails_and_says_why() {
    const MOVING: &str = "+14155550170";
    give(MOVING, Some(CUSTOMER));
    // One text a second: the last of them waits for longer than a number is remembered.
    let settings = [("TEXTS_PER_SECOND", "1"), ("TEXTS_BURST", "1")];
    let world = World::with(Kind::Embedded, &settings).await;
    world.own(MOVING);
    world.text(PERSON, MOVING, "My sink leaks").await;
    let conversation = heard(&world, 1).await;
    assert_eq!(text(&conversation, "number"), MOVING);
    for nth in 0..9 {
        let said = world
            .act(NUMBER, &conversation, "messages", word(&format!("m-{nth}")))
            .await;
        assert_eq!(said.0, 200, "{}", said.1);
    }
    give(MOVING, Some(owner(AT_ONCE)));
    let messages = world
        .until_messages("nothing waits", NUMBER, |messages| {
            let waits = |it: &Json| matches!(text(it, "status"), "queued" | "sending");
            !messages.iter().any(waits)
        })
        .await;
    let last = messages.last().unwrap();
    assert_eq!(
        (text(last, "status"), text(last, "error_code")),
        ("failed", "NUMBER_GONE")
    );
    // They leave in their order: after one that is left, all are.
    let codes = all(&messages, "error_code");
    let first = codes.iter().position(|code| *code == "NUMBER_GONE");
    let left = &codes[first.unwrap()..];
    assert!(left.iter().all(|code| *code == "NUMBER_GONE"), "{codes:?}");
    until_refused(&world, &conversation).await;
    let sent = world.provider.texts_to(PERSON).len();
    assert!((1..9).contains(&sent), "{sent}");
    let alerts = world.client.ok(Get, "/v1/alerts", None).await;
    let alerts = alerts.as_array().unwrap().clone();
    assert!(
        all(&alerts, "reason").contains(&"NUMBER_GONE"),
        "{alerts:?}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_without_a_number_ends_and_asks_for_a_person() {
    const GOING: &str = "+14155550171";
    give(GOING, Some(CUSTOMER));
    let world = World::new(Kind::Embedded).await;
    world.own(GOING);
    world.text("+14155550124", GOING, "Hi").await;
    let beside = heard(&world, 1).await;
    world.text(PERSON, GOING, "My sink leaks").await;
    let conversation = world
        .conversation("heard", NUMBER, |it| text(it, "person") == PERSON)
        .await;
    give(GOING, None);
    until_refused(&world, &beside).await;
    world.pass(70);
    let asked = world
        .conversation("a person is asked", NUMBER, |it| {
            it["needs_human"] == json!(true) && it["turn_id"].is_null()
        })
        .await;
    assert!(asked["answered_seq"].as_i64() < asked["inbound_seq"].as_i64());
    let turns = world.client.ok(Get, "/v1/turns", None).await;
    assert_eq!(all(turns.as_array().unwrap(), "status"), ["discarded"]);
    assert_eq!(world.provider.texts_to(PERSON), []);
    // It can still be let go, and the person be answered from where they write next.
    let taken = world.act(NUMBER, &conversation, "takeover", None).await;
    assert_eq!(taken.0, 200, "{}", taken.1);
    let let_go = world.act(NUMBER, &conversation, "release", None).await;
    assert_eq!(let_go.0, 200, "{}", let_go.1);
    world.text(PERSON, NUMBER, "Anybody there?").await;
    let moved = world
        .conversation("it follows the person", NUMBER, |it| {
            text(it, "number") == NUMBER
        })
        .await;
    assert_eq!(id(&moved), id(&conversation));
    let said = world.act(NUMBER, &moved, "messages", word("now")).await;
    assert_eq!(said.0, 200, "{}", said.1);
    until("it left from the living number", async || {
        let texts = world.provider.texts_to(PERSON);
        texts.iter().any(|it| it.from == NUMBER).then_some(())
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_body_names_of_another_tenant_is_not_there() {
    let world = World::new(Kind::Embedded).await;
    world.text(PERSON, AT_ONCE, "My sink leaks").await;
    let foreign = world.conversation("heard", AT_ONCE, |_| true).await;
    let foreign = id(&foreign);
    let stranger = world.of(AT_ONCE);
    let van = json!({"name": "Van"});
    let theirs = stranger.ok(Post, "/v1/resources", Some(van.clone())).await;
    let ours = world.client.ok(Post, "/v1/resources", Some(van)).await;
    let now = world.clock.now();
    let at = |hours: u64| now.plus(std::time::Duration::from_secs(hours * 3_600));
    let hold = json!({"resource_id": id(&ours), "tm_start": at(25), "tm_end": at(26)});
    let hold = world.client.ok(Post, "/v1/reservations", Some(hold)).await;
    for unknown in [foreign.clone(), Uuid::from_u128(404).to_string()] {
        for (uri, body) in [
            (
                "/v1/appointments",
                json!({"reservation_id": id(&hold), "conversation_id": unknown}),
            ),
            (
                "/v1/leads",
                json!({"conversation_id": unknown, "person": PERSON}),
            ),
        ] {
            let refused = world.client.call(Post, uri, Some(body)).await;
            assert_eq!(reason(&refused), (404, "CONVERSATION_NOT_FOUND"), "{uri}");
        }
    }
    let calendar = json!({"name": "Theirs", "resource_id": id(&theirs)});
    let refused = world
        .client
        .call(Post, "/v1/calendars", Some(calendar))
        .await;
    assert_eq!(refused.0, 404, "{}", refused.1);
    // The hold is as it was.
    let body = json!({"reservation_id": id(&hold), "title": "Leak"});
    world.client.ok(Post, "/v1/appointments", Some(body)).await;
    world.end().await;
}

/// Its calls ring, what people write is kept, and STOP is obeyed; nothing leaves.
#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_business_keeps_what_comes_and_sends_nothing() {
    give(SUSPENDED, Some(CUSTOMER));
    let world = World::new(Kind::Embedded).await;
    world.own(SUSPENDED);
    world.miss(1, PERSON, SUSPENDED).await;
    world.text(PERSON, SUSPENDED, "My sink leaks").await;
    let conversation = heard(&world, 1).await;
    assert_eq!(conversation["block_reasons"], json!(["suspended"]));
    let said = world
        .act(NUMBER, &conversation, "messages", word("m-1"))
        .await;
    assert_eq!(reason(&said), (409, "CONVERSATION_BLOCKED"));
    world.text(PERSON, SUSPENDED, "STOP").await;
    world
        .conversation("STOP is obeyed", NUMBER, |it| {
            it["block_reasons"].to_string().contains("opted_out")
        })
        .await;
    assert_eq!(world.provider.texts_to(PERSON).len(), 0);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn open_conversations_follow_a_suspension(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    world.miss(1, PERSON, NUMBER).await;
    world
        .until_messages("greeted", NUMBER, |messages| messages.len() == 1)
        .await;
    for (status, reasons) in [("suspended", json!(["suspended"])), ("active", json!([]))] {
        world.set_status(status).await;
        world
            .conversation(status, NUMBER, |it| it["block_reasons"] == reasons)
            .await;
    }
    world.end().await;
}

/// It costs money every month, so somebody has to know.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_could_not_be_given_back_is_told() {
    let world = World::new(Kind::Embedded).await;
    world.keep_number().await;
    until("an alert", async || {
        let alerts = world.of(PENDING).ok(Get, "/v1/alerts", None).await;
        let alerts = alerts.as_array().unwrap().clone();
        let is_told = all(&alerts, "reason") == ["release_failed"];
        (is_told && all(&alerts, "metric") == ["provider_failures"]).then_some(())
    })
    .await;
    world.end().await;
}
