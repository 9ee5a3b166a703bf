//! What is promised, who is preferred, and what goes along: rules of queues that show only over the whole life of a chat.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Kind, Sink, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    contact_center::ContactCenter,
    siblings::NUMBER,
    world::{PERSON, World, id, text},
};

/// Waits until this was told of this promise, so often.
async fn told(events: &Sink, kind: &str, promise: &str, count: usize) {
    until(&format!("{kind} of {promise}"), async || {
        let heard = events.heard();
        let of_promise = heard.iter().filter(|event| {
            let data: Option<Json> = event.data().ok();
            event.event.kind == kind && data.is_some_and(|data| data["promise"] == promise)
        });
        (of_promise.count() == count).then_some(())
    })
    .await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_next_answer_and_the_end_are_promised_as_well(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    // Whoever is there is not to be lost while most of an hour passes.
    let desk = ContactCenter::mailing(kind, &[("PRESENCE_TTL", "1h")]).await;
    let sla = json!({"next_response_seconds": 500, "resolution_seconds": 3_000});
    let queue = desk.queue(json!({"sla": sla})).await;
    desk.agent(1, json!({})).await;
    desk.presence(1, "desk", "online").await;
    let events = desk.client.events().await;
    let widget = desk.widget(Some(&queue)).await;
    let visitor = desk.visitor(&widget).await;
    let chat = &visitor.conversation;
    desk.say(&visitor, "1", "Hello?").await;
    let entry = desk.entry(chat, "offered").await;
    assert_eq!(desk.answer(&entry, "accept").await.0, 200);
    let answer = async |key: &str| {
        let body = json!({"client_message_id": key, "body": "Hi!", "user_id": Uuid::from_u128(1)});
        let said = desk.act(chat, "messages", body).await;
        assert_eq!(said.0, 200, "{}", said.1);
    };
    answer("a").await;
    desk.say(&visitor, "2", "And now?").await;
    desk.at(420);
    told(&events, "queueentry_sla_warning", "next_response", 1).await;
    // Answered in time, nothing is broken; asked again, it is promised again.
    answer("b").await;
    desk.at(600);
    desk.say(&visitor, "3", "And then?").await;
    desk.at(1_020);
    told(&events, "queueentry_sla_warning", "next_response", 2).await;
    told(&events, "queueentry_sla_breached", "next_response", 0).await;
    desk.at(1_150);
    told(&events, "queueentry_sla_breached", "next_response", 1).await;
    answer("c").await;
    desk.at(2_450);
    told(&events, "queueentry_sla_warning", "resolution", 1).await;
    desk.at(3_050);
    told(&events, "queueentry_sla_breached", "resolution", 1).await;
    let entry = desk.entry(chat, "assigned").await;
    assert_eq!(entry["breaches"], json!(["next_response", "resolution"]));
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_a_chat_gets_what_was_said_and_noted() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let queue = desk.queue(json!({})).await;
    let (ann, bea) = (
        desk.agent(1, json!({})).await,
        desk.agent(2, json!({})).await,
    );
    desk.presence(1, "desk", "online").await;
    let widget = desk.widget(Some(&queue)).await;
    let visitor = desk.visitor(&widget).await;
    let chat = &visitor.conversation;
    desk.say(&visitor, "1", "My sink leaks").await;
    let entry = desk.entry(chat, "offered").await;
    assert_eq!(text(&entry, "agent_id"), ann);
    assert_eq!(desk.answer(&entry, "accept").await.0, 200);
    let note = json!({"client_message_id": "n", "body": "angry", "kind": "note"});
    assert_eq!(desk.agent_acts(1, chat, "messages", note).await.0, 200);
    desk.presence(2, "desk", "busy").await;
    let moved = desk
        .agent_acts(1, chat, "transfer", json!({"agent_id": bea}))
        .await;
    assert_eq!(moved.0, 200, "{}", moved.1);
    let agent = bin_common_handler::models::role::Role::Agent;
    let read = async |query: &str| {
        let uri = format!("/v1/conversations/{chat}/messages?{query}");
        let (status, found) = desk.by((agent, 2), (Get, &uri), None).await;
        assert_eq!(status, 200, "{found}");
        found.to_string()
    };
    assert!(read("after_seq=0").await.contains("My sink leaks"));
    assert!(read("after_note_seq=0").await.contains("angry"));
    assert!(
        !json!(desk.history(&visitor).await)
            .to_string()
            .contains("angry")
    );
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_again_is_asked_for_their_last_agent_first() {
    let world = World::new(Kind::Embedded).await;
    let client = &world.client;
    let queue = id(&client
        .ok(Post, "/v1/queues", Some(json!({"name": "all"})))
        .await);
    let mut agents = Vec::new();
    for (number, capacity) in [(1, 2), (2, 9)] {
        let user = Uuid::from_u128(number);
        let body = json!({"user_id": user, "name": "x", "capacity": capacity});
        agents.push(id(&client.ok(Post, "/v1/agents", Some(body)).await));
        let beat = json!({"user_id": user, "device": "desk", "status": "online"});
        client.ok(Post, "/v1/presence", Some(beat)).await;
    }
    let conversation = async |nth: usize| {
        world.text(PERSON, NUMBER, "my heater leaks").await;
        until("a conversation", async || {
            let all = world.conversations(NUMBER).await;
            (all.len() == nth).then(|| all[0].clone())
        })
        .await
    };
    let first = conversation(1).await;
    let taken = world
        .act(
            NUMBER,
            &first,
            "assign",
            Some(json!({"agent_id": agents[0]})),
        )
        .await;
    assert_eq!(taken.0, 200, "{}", taken.1);
    assert_eq!(world.act(NUMBER, &first, "close", None).await.0, 200);
    let second = conversation(2).await;
    let escalated = world
        .act(
            NUMBER,
            &second,
            "escalate",
            Some(json!({"queue_id": queue})),
        )
        .await;
    assert_eq!(escalated.0, 200, "{}", escalated.1);
    let offered = until("it is offered", async || {
        let uri = format!(
            "/v1/queue_entries?conversation_id={}&status=offered",
            id(&second)
        );
        let found = client.ok(Get, &uri, None).await;
        found.as_array()?.first().cloned()
    })
    .await;
    assert_eq!(
        text(&offered, "agent_id"),
        agents[0],
        "not who has most room"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_estimated_by_what_chats_took() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let queue = desk.queue(json!({"offer_seconds": 600})).await;
    desk.agent(1, json!({"capacity": 1})).await;
    desk.presence(1, "desk", "online").await;
    let widget = desk.widget(Some(&queue)).await;
    let first = desk.visitor(&widget).await.conversation;
    let come = async |conversation: &str| {
        let body = json!({"queue_id": queue});
        let come = desk.act(conversation, "escalate", body).await;
        assert_eq!(come.0, 200, "{}", come.1);
    };
    come(&first).await;
    let entry = desk.entry(&first, "offered").await;
    assert_eq!(desk.answer(&entry, "accept").await.0, 200);
    desk.at(100);
    assert_eq!(desk.act(&first, "close", json!({})).await.0, 200);
    // One agent, who is full, and two who wait: 100 s each.
    let mut last = Json::Null;
    for _ in 0..3 {
        let chat = desk.visitor(&widget).await.conversation;
        come(&chat).await;
        last = until("it stands in the queue", async || {
            desk.entries(&format!("conversation_id={chat}")).await.pop()
        })
        .await;
    }
    until("one is offered", async || {
        (desk.entries("status=offered").await.len() == 1).then_some(())
    })
    .await;
    let view = desk
        .client
        .ok(Get, &format!("/v1/queue_entries/{}", id(&last)), None)
        .await;
    assert_eq!(view["position"], 2, "{view}");
    let seconds = view["estimated_wait_seconds"].as_i64().unwrap();
    assert!((200..=260).contains(&seconds), "{view}");
    desk.end().await;
}
