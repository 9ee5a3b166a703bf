//! People of the business: they go before the assistant, one at a time.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    siblings::{NUMBER, PENDING},
    world::{PERSON, World, all, id, reason, text},
};

async fn talk(world: &World) -> Json {
    world.text(PERSON, NUMBER, "My sink is clogged").await;
    world.conversation("heard", NUMBER, |_| true).await
}

fn by(user: u128) -> Option<Json> {
    Some(json!({"user_id": Uuid::from_u128(user)}))
}

/// How many races: `CHAT_RACES` says so where there is a night for it, e.g. 1000.
fn rounds(kind: Kind) -> u64 {
    let told = std::env::var_os("CHAT_RACES").and_then(|it| it.to_str()?.parse().ok());
    told.unwrap_or(if kind == Kind::Full { 40 } else { 20 })
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_a_takeover_and_a_message_at_once_one_wins(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let conversation = talk(&world).await;
    let mut said = 0;
    for round in 0..rounds(kind) {
        let body = json!({
            "client_message_id": format!("m-{round}"), "body": "We can come today.",
            "user_id": Uuid::from_u128(2),
        });
        let (taken, written) = tokio::join!(
            world.act(NUMBER, &conversation, "takeover", by(1)),
            world.act(NUMBER, &conversation, "messages", Some(body)),
        );
        let (won, lost, winner) = if taken.0 == 200 {
            (taken, written, 1)
        } else {
            said += 1;
            (written, taken, 2)
        };
        assert_eq!(won.0, 200, "round {round}: {}", won.1);
        assert_eq!(reason(&lost), (409, "CONVERSATION_TAKEN"), "round {round}");
        let now = &world.conversations(NUMBER).await[0];
        assert_eq!(now["owner_id"], json!(Uuid::from_u128(winner)));
        world.act(NUMBER, &conversation, "release", None).await;
    }
    // Only those who won said something, each once.
    let (mut by_people, mut after) = (0, 0);
    loop {
        let uri = format!(
            "/v1/conversations/{}/messages?after_seq={after}",
            id(&conversation)
        );
        let page = world.client.ok(Get, &uri, None).await;
        let page = page.as_array().unwrap();
        let Some(last) = page.last() else { break };
        after = last["seq"].as_i64().unwrap();
        by_people += page
            .iter()
            .filter(|it| text(it, "sender") == "human")
            .count();
    }
    assert_eq!(by_people, said);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_take_over_at_once_one_does(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::replicated(kind).await;
    let rounds = rounds(kind);
    let conversation = talk(&world).await;
    for round in 0..rounds {
        let (one, other) = tokio::join!(
            world.act(NUMBER, &conversation, "takeover", by(1)),
            world.act(NUMBER, &conversation, "takeover", by(2)),
        );
        let (won, lost, winner) = if one.0 == 200 {
            (one, other, 1)
        } else {
            (other, one, 2)
        };
        assert_eq!(
            (won.0, lost.0),
            (200, 409),
            "round {round}: {} {}",
            won.1,
            lost.1
        );
        assert_eq!(reason(&lost), (409, "CONVERSATION_TAKEN"));
        let owner = json!(Uuid::from_u128(winner));
        assert_eq!(lost.1["details"][0]["owner_id"], owner);
        assert_eq!(won.1["owner_id"], owner);
        assert_eq!(text(&won.1, "status"), "human");
        let released = world.act(NUMBER, &conversation, "release", None).await;
        assert_eq!(text(&released.1, "status"), "open");
    }
    let again = world.act(NUMBER, &conversation, "release", None).await;
    assert_eq!(reason(&again), (409, "CONVERSATION_NOT_TAKEN"));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_takes_over_and_is_sent_once_for_its_id(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let conversation = talk(&world).await;
    let body = json!({"client_message_id": "m-1", "body": "We can come today.", "user_id": Uuid::from_u128(1)});
    let write = async || {
        world
            .act(NUMBER, &conversation, "messages", Some(body.clone()))
            .await
    };
    let (one, other, third) = tokio::join!(write(), write(), write());
    for reply in [&one, &other, &third] {
        assert_eq!(reply.0, 200, "{}", reply.1);
        assert_eq!(id(&reply.1), id(&one.1));
        assert_eq!(reply.1["seq"], json!(2));
    }
    until("it was sent", async || {
        (world.provider.texts_to(PERSON).len() == 1).then_some(())
    })
    .await;
    let now = &world.conversations(NUMBER).await[0];
    assert_eq!(text(now, "status"), "human");
    assert_eq!(text(now, "owner_id"), Uuid::from_u128(1).to_string());
    let colleague =
        json!({"client_message_id": "m-2", "body": "Me, too", "user_id": Uuid::from_u128(2)});
    let refused = world
        .act(NUMBER, &conversation, "messages", Some(colleague))
        .await;
    assert_eq!(reason(&refused), (409, "CONVERSATION_TAKEN"));
    for (wrong, field) in [
        (
            json!({"client_message_id": "", "body": "x"}),
            "client_message_id",
        ),
        (json!({"client_message_id": "m", "body": " "}), "body"),
        (
            json!({"client_message_id": "m", "body": "x".repeat(1_601)}),
            "body",
        ),
    ] {
        let refused = world
            .act(NUMBER, &conversation, "messages", Some(wrong))
            .await;
        assert_eq!(refused.0, 400);
        assert!(text(&refused.1, "message").contains(field), "{}", refused.1);
    }
    let foreign = world.client.within(Uuid::from_u128(99));
    let uri = format!("/v1/conversations/{}/messages", id(&conversation));
    assert_eq!(foreign.call(Get, &uri, None).await.0, 404);
    assert_eq!(foreign.call(Post, &uri, Some(body)).await.0, 404);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_close_is_a_new_conversation(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let first = talk(&world).await;
    let closed = world.act(NUMBER, &first, "close", None).await;
    assert_eq!(text(&closed.1, "status"), "closed");
    let again = world.act(NUMBER, &first, "close", None).await;
    assert_eq!(reason(&again), (409, "CONVERSATION_CLOSED"));
    let body = json!({"client_message_id": "m", "body": "x"});
    let refused = world.act(NUMBER, &first, "messages", Some(body)).await;
    assert_eq!(reason(&refused), (409, "CONVERSATION_CLOSED"));
    let reopened = world.act(NUMBER, &first, "reopen", None).await;
    assert_eq!(text(&reopened.1, "status"), "open");
    world.act(NUMBER, &first, "close", None).await;

    world.text(PERSON, NUMBER, "one more thing").await;
    let second = world
        .conversation("a new one", NUMBER, |it| it["previous_id"] == first["id"])
        .await;
    assert_ne!(id(&second), id(&first));
    let beside = world.act(NUMBER, &first, "reopen", None).await;
    assert_eq!(reason(&beside), (409, "ANOTHER_CONVERSATION_OPEN"));
    let messages = world.messages(NUMBER, &second).await;
    assert_eq!(all(&messages, "body"), ["one more thing"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_read_page_by_page_in_both_directions() {
    let world = World::new(Kind::Embedded).await;
    for (count, body) in [(1, "one"), (2, "two"), (3, "three")] {
        world.text(PERSON, NUMBER, body).await;
        world
            .conversation("heard", NUMBER, |it| {
                it["inbound_seq"].as_i64() >= Some(count)
            })
            .await;
    }
    let conversation = id(&world.conversations(NUMBER).await[0]);
    let page = async |query: &str| {
        let uri = format!("/v1/conversations/{conversation}/messages{query}");
        world.of(NUMBER).call(Get, &uri, None).await
    };
    let cases: [(&str, &[&str]); 5] = [
        ("", &["one", "two", "three"]),
        ("?limit=2", &["two", "three"]),
        ("?before_seq=3&limit=1", &["two"]),
        ("?after_seq=1&limit=1", &["two"]),
        ("?after_seq=1&before_seq=3", &["two"]),
    ];
    for (query, expected) in cases {
        let (status, found) = page(query).await;
        assert_eq!(status, 200, "{query}: {found}");
        assert_eq!(all(found.as_array().unwrap(), "body"), expected, "{query}");
    }
    assert_eq!(page("?limit=0").await.0, 400);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_conversation_closes_after_three_days() {
    let world = World::new(Kind::Embedded).await;
    let conversation = talk(&world).await;
    world.act(NUMBER, &conversation, "takeover", by(1)).await;
    let events = world.client.events().await;
    world.pass(16 * 60);
    until("fifteen minutes of silence are told", async || {
        let heard = events.heard();
        heard
            .iter()
            .any(|event| {
                event
                    .event
                    .data
                    .as_ref()
                    .unwrap()
                    .get()
                    .contains("unanswered_conversation")
            })
            .then_some(())
    })
    .await;
    world.pass(71 * 3_600);
    assert_eq!(
        text(&world.conversations(NUMBER).await[0], "status"),
        "human"
    );
    world.pass(73 * 3_600);
    world
        .conversation("closed", NUMBER, |it| text(it, "status") == "closed")
        .await;
    until("its end is told", async || {
        let heard = events.heard();
        let mut kinds = heard.iter().map(|heard| heard.event.kind.as_str());
        kinds
            .any(|kind| kind == "conversation_closed")
            .then_some(())
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_repeated_or_refused_and_never_lost_without_a_word() {
    let world = World::new(Kind::Embedded).await;
    let conversation = talk(&world).await;
    let said = async |body: &str| {
        let body = json!({"client_message_id": "same", "body": body});
        world
            .act(NUMBER, &conversation, "messages", Some(body))
            .await
    };
    let (first, again) = (said("At nine?").await, said("At nine?").await);
    assert_eq!((first.0, again.0), (200, 200));
    assert_eq!(id(&first.1), id(&again.1));
    let other = said("At ten?").await;
    assert_eq!(reason(&other), (409, "CLIENT_MESSAGE_ID_USED"));
    for unreadable in ["\0", "a\0b", "\u{202e}\u{202e}", " "] {
        let refused = said(unreadable).await;
        assert_eq!(reason(&refused), (400, "INVALID_FIELD"), "{unreadable:?}");
    }
    world.end().await;
}

async fn unanswered(world: &World, number: &str) -> Vec<Json> {
    let uri = "/v1/alerts?metric=unanswered_conversation";
    let alerts = world.of(number).ok(Get, uri, None).await;
    alerts.as_array().unwrap().clone()
}

/// Nobody has this conversation, and the assistant may not speak in it.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_fifteen_minutes_is_told_of_whoever_has_the_conversation(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    world.text(PERSON, PENDING, "My sink is clogged").await;
    world.conversation("heard", PENDING, |_| true).await;
    world.pass(10 * 60);
    // Whoever writes again has waited since the first time.
    world.text(PERSON, PENDING, "Hello?").await;
    let waiting = world
        .conversation("heard", PENDING, |it| it["inbound_seq"].as_i64() >= Some(2))
        .await;
    assert_eq!(text(&waiting, "status"), "blocked");
    assert!(unanswered(&world, PENDING).await.is_empty());
    world.pass(15 * 60 + 1);
    let alert = until("it is told", async || {
        unanswered(&world, PENDING).await.into_iter().next()
    })
    .await;
    assert_eq!(alert["conversation_id"], waiting["id"]);
    assert!(alert["value"].as_f64() >= Some(900.0), "{alert}");
    world.act(PENDING, &waiting, "close", None).await;
    let over = unanswered(&world, PENDING).await;
    assert_eq!(all(&over, "status"), ["resolved"]);
    world.end().await;
}

#[rstest]
#[case::opted_out(NUMBER, "STOP")]
#[case::may_send_nothing(PENDING, "hello")]
#[tokio::test(flavor = "multi_thread")]
async fn danger_is_told_of_where_nothing_may_be_sent(#[case] number: &str, #[case] first: &str) {
    let world = World::new(Kind::Embedded).await;
    for (count, body) in [
        (1, first),
        (2, "my house is on fire, gas leak, please call me"),
    ] {
        world.text(PERSON, number, body).await;
        world
            .conversation("heard", number, |it| {
                it["inbound_seq"].as_i64() >= Some(count)
            })
            .await;
    }
    let conversation = world
        .conversation("in danger", number, |it| it["needs_human"] == true)
        .await;
    assert_eq!(text(&conversation, "status"), "blocked");
    let uri = "/v1/alerts?metric=emergency";
    let alerts = world.of(number).ok(Get, uri, None).await;
    assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts}");
    let said = world.messages(number, &conversation).await;
    assert!(
        said.iter().all(|it| !text(it, "body").contains("911")),
        "{said:?}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_who_wants_no_texts() {
    let world = World::new(Kind::Embedded).await;
    for (count, body) in [(1, "STOP"), (2, "Hello?")] {
        world.text(PERSON, NUMBER, body).await;
        world
            .conversation("heard", NUMBER, |it| {
                it["inbound_seq"].as_i64() >= Some(count)
            })
            .await;
    }
    let other = "+14155550177";
    world.text(other, PENDING, "Hello").await;
    world.conversation("heard", PENDING, |_| true).await;
    world.pass(16 * 60);
    until("the other is told of", async || {
        unanswered(&world, PENDING).await.into_iter().next()
    })
    .await;
    assert!(unanswered(&world, NUMBER).await.is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_answered_waits_again_when_it_is_opened_again() {
    let world = World::new(Kind::Embedded).await;
    let conversation = talk(&world).await;
    for what in ["takeover", "close"] {
        let done = world.act(NUMBER, &conversation, what, None).await;
        assert_eq!(done.0, 200, "{}", done.1);
    }
    world.pass(3_600);
    let (status, opened) = world.act(NUMBER, &conversation, "reopen", None).await;
    assert_eq!((status, text(&opened, "ai_state")), (200, "waiting"));
    assert!(opened["window_ends"].is_string(), "{opened}");
    // Whoever waits for an hour already is told of at once.
    until("their silence is told", async || {
        let alerts = world.client.ok(Get, "/v1/alerts", None).await;
        let alerts = alerts.as_array().unwrap().clone();
        all(&alerts, "metric")
            .contains(&"unanswered_conversation")
            .then_some(())
    })
    .await;
    world.pass(3_600 + 62);
    let messages = world
        .until_messages("answered", NUMBER, |messages| messages.len() == 2)
        .await;
    assert_eq!(text(&messages[1], "sender"), "ai");
    world.end().await;
}
