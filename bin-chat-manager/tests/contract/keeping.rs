//! What is kept how long, and what a person may know and have forgotten.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

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
    world.pass(2 * DAY);
    world.text(PERSON, NUMBER, "my heater leaks").await;
    world
        .until_messages("the second", NUMBER, |all| holds(all, "my heater leaks"))
        .await;
    world.pass(181 * DAY);
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
