//! Whose a chat is: what agents see and do of it, who takes it from whom, and who counts as having it.

use bin_common_handler::{
    models::{
        role::Role::{Admin, Agent, Supervisor},
        sock::Method::{Get, Post, Put},
    },
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    contact_center::{ContactCenter, Visitor},
    world::{id, reason, text},
};

fn user(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

/// A visitor whose chat the agent of this user has accepted.
async fn accepted(desk: &ContactCenter, widget: &str, number: u128) -> Visitor {
    let visitor = desk.visitor(widget).await;
    assert_eq!(desk.say(&visitor, "1", "Hello?").await.0, 200);
    let entry = desk.entry(&visitor.conversation, "offered").await;
    assert_eq!(desk.answer(&entry, "accept").await.0, 200);
    let owner = desk.conversation(&visitor.conversation).await["owner_id"].clone();
    assert_eq!(owner, json!(user(number)));
    visitor
}

async fn sees(desk: &ContactCenter, number: u128, conversation: &str) -> u16 {
    let uri = format!("/v1/conversations/{conversation}/messages");
    desk.by((Agent, number), (Get, &uri), None).await.0
}

fn words(key: &str) -> Json {
    json!({"client_message_id": key, "body": "Hi!"})
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn agents_see_and_move_what_they_have_and_what_waits_for_them(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let queue = desk.queue(json!({})).await;
    desk.agent(1, json!({})).await;
    desk.presence(1, "desk", "online").await;
    let widget = desk.widget(Some(&queue)).await;
    let first = accepted(&desk, &widget, 1).await.conversation;
    let bea = desk.agent(2, json!({})).await;
    desk.agent(3, json!({"skills": ["billing"]})).await;

    // Another's, of the same queue.
    assert_eq!(sees(&desk, 2, &first).await, 404);
    for (word, body) in [
        ("transfer", json!({"agent_id": bea})),
        ("transfer", json!({"queue_id": queue})),
        ("escalate", json!({"queue_id": queue})),
        ("release", json!({})),
        ("close", json!({})),
        ("messages", words("x")),
    ] {
        let refused = desk.agent_acts(2, &first, word, body).await;
        assert_eq!(reason(&refused), (404, "CONVERSATION_NOT_FOUND"), "{word}");
    }
    let uri = format!("/v1/conversations/{first}/messages");
    let said = desk.by((Agent, 1), (Post, &uri), Some(words("a"))).await;
    assert_eq!(said.0, 200, "{}", said.1);
    let uri = format!("/v1/conversations/{first}/messages/{}", id(&said.1));
    let edit = Some(json!({"body": "Hello!"}));
    assert_eq!(desk.by((Agent, 1), (Put, &uri), edit.clone()).await.0, 200);

    // What an agent gives away is the other's; what one had at the end can still be read.
    desk.presence(2, "desk", "busy").await;
    let moved = desk
        .agent_acts(1, &first, "transfer", json!({"agent_id": bea}))
        .await;
    assert_eq!(moved.0, 200, "{}", moved.1);
    for word in ["release", "close"] {
        assert_eq!(
            desk.agent_acts(1, &first, word, json!({})).await.0,
            404,
            "{word}"
        );
    }
    assert_eq!(desk.agent_acts(2, &first, "close", json!({})).await.0, 200);
    assert_eq!(
        (sees(&desk, 1, &first).await, sees(&desk, 2, &first).await),
        (404, 200)
    );
    let late = desk.client.call(Put, &uri, edit).await;
    assert_eq!(reason(&late), (409, "CONVERSATION_CLOSED"));

    // What waits is seen by who has its queue's skills, and nobody's to give away.
    let visitor = desk.visitor(&widget).await;
    assert_eq!(desk.say(&visitor, "1", "Hello?").await.0, 200);
    let second = visitor.conversation;
    let entry = desk.entry(&second, "offered").await;
    assert_eq!(
        (sees(&desk, 2, &second).await, sees(&desk, 3, &second).await),
        (200, 404)
    );
    let given = desk
        .agent_acts(2, &second, "transfer", json!({"agent_id": bea}))
        .await;
    assert_eq!(reason(&given), (409, "CONVERSATION_NOT_TAKEN"));
    // One that somebody has waits beside them: it is not for others to end.
    let body = json!({"user_id": user(9)});
    assert_eq!(desk.act(&second, "takeover", body).await.0, 200);
    let escalated = desk
        .act(&second, "escalate", json!({"queue_id": queue}))
        .await;
    assert_eq!(escalated.0, 200, "{}", escalated.1);
    assert_eq!(sees(&desk, 2, &second).await, 200);
    let ended = desk.agent_acts(2, &second, "close", json!({})).await;
    assert_eq!(reason(&ended), (409, "CONVERSATION_TAKEN"));

    lists_are_their_own(&desk, &entry, &queue).await;
    desk.end().await;
}

/// Entries, offers and rooms: of user 1, who was offered this entry, and of the others.
async fn lists_are_their_own(desk: &ContactCenter, entry: &Json, queue: &str) {
    let count = async |number: u128, uri: &str| {
        let (status, found) = desk.by((Agent, number), (Get, uri), None).await;
        assert_eq!(status, 200, "{uri}: {found}");
        found.as_array().unwrap().len()
    };
    // The chat that waits may be offered between two looks.
    until("all offers are one agent's", async || {
        let own = count(1, "/v1/offers").await;
        (own == desk_offers(desk).await).then_some(())
    })
    .await;
    assert_eq!(count(2, "/v1/offers").await, 0);
    assert_eq!(count(3, "/v1/queue_entries").await, 0);
    assert!(count(2, "/v1/queue_entries").await > 0);
    let offer = format!("/v1/offers/{}", text(entry, "offer_id"));
    let room = format!("/v1/queues/{queue}/room");
    let of_chat = format!("conversation_id={}", text(entry, "conversation_id"));
    let live = desk.entries(&of_chat).await;
    let live = live.iter().find(|it| text(it, "status") != "ended");
    let live = format!("/v1/queue_entries/{}", id(live.unwrap()));
    for (number, uri, expected) in [
        (1, &offer, 200),
        (2, &offer, 404),
        (1, &room, 200),
        (3, &room, 404),
        (2, &live, 200),
        (3, &live, 404),
    ] {
        let (status, said) = desk.by((Agent, number), (Get, uri), None).await;
        assert_eq!(status, expected, "{number} {uri}: {said}");
    }
}

/// Every offer of the customer: all of them are to one agent.
async fn desk_offers(desk: &ContactCenter) -> usize {
    let all = desk.client.ok(Get, "/v1/offers", None).await;
    all.as_array().unwrap().len()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_takes_over_from_an_agent_and_no_equal_does(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::beside_numbers(kind).await;
    let queue = desk.queue(json!({})).await;
    desk.agent(1, json!({})).await;
    desk.presence(1, "desk", "online").await;
    let widget = desk.widget(Some(&queue)).await;
    let chat = accepted(&desk, &widget, 1).await.conversation;
    let uri = format!("/v1/conversations/{chat}/takeover");
    let take = async |role, number| desk.by((role, number), (Post, &uri), None).await;

    assert_eq!(reason(&take(Agent, 1).await), (409, "CONVERSATION_TAKEN"));
    let roleless = desk
        .act(&chat, "takeover", json!({"user_id": user(9)}))
        .await;
    assert_eq!(reason(&roleless), (409, "CONVERSATION_TAKEN"));
    let (status, taken) = take(Supervisor, 20).await;
    assert_eq!(status, 200, "{taken}");
    assert_eq!(text(&taken, "former_owner_id"), user(1));
    assert_eq!(text(&taken, "owner_id"), user(20));
    let ended = desk.entry(&chat, "ended").await;
    assert_eq!(text(&ended, "reason"), "taken_over");
    assert_eq!(sees(&desk, 1, &chat).await, 404);
    let equal = take(Supervisor, 21).await;
    assert_eq!(reason(&equal), (409, "CONVERSATION_TAKEN"));
    assert_eq!(
        reason(&take(Supervisor, 20).await),
        (409, "CONVERSATION_TAKEN")
    );

    let release = uri.replace("takeover", "release");
    let released = desk.by((Supervisor, 20), (Post, &release), None).await;
    assert_eq!(released.0, 200, "{}", released.1);
    let (status, taken) = take(Supervisor, 21).await;
    assert_eq!(
        (status, &taken["former_owner_id"]),
        (200, &Json::Null),
        "{taken}"
    );
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_equal_takes_over_from_a_supervisor_who_is_an_agent_too(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::beside_numbers(kind).await;
    desk.agent(20, json!({})).await;
    let widget = desk.widget(None).await;
    let chat = desk.visitor(&widget).await.conversation;
    let uri = format!("/v1/conversations/{chat}/takeover");
    let take = async |role, number| desk.by((role, number), (Post, &uri), None).await;
    let (status, taken) = take(Supervisor, 20).await;
    assert_eq!(status, 200, "{taken}");
    let equal = take(Supervisor, 21).await;
    assert_eq!(reason(&equal), (409, "CONVERSATION_TAKEN"));
    // Whoever stands above both does.
    let (status, taken) = take(Admin, 30).await;
    assert_eq!(status, 200, "{taken}");
    assert_eq!(text(&taken, "former_owner_id"), user(20));
    let below = take(Supervisor, 20).await;
    assert_eq!(reason(&below), (409, "CONVERSATION_TAKEN"));
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_answers_by_writing_has_the_chat_like_one_who_accepted(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let sla = json!({"first_response_seconds": 100, "next_response_seconds": 50});
    let queue = desk.queue(json!({"offer_seconds": 600, "sla": sla})).await;
    let ann = desk.agent(1, json!({"capacity": 2})).await;
    let widget = desk.widget(Some(&queue)).await;
    let mut chats = Vec::new();
    for _ in 0..3 {
        let visitor = desk.visitor(&widget).await;
        assert_eq!(desk.say(&visitor, "1", "Hello?").await.0, 200);
        chats.push(visitor.conversation);
    }
    desk.presence(1, "desk", "online").await;
    until("as many are offered as fit", async || {
        (desk.entries("status=offered").await.len() == 2).then_some(())
    })
    .await;
    let waits = text(&desk.entries("status=waiting").await[0], "conversation_id").to_owned();
    let first = desk.entries("status=offered").await.remove(0);
    let asked = text(&first, "conversation_id").to_owned();

    let full = desk.agent_acts(1, &waits, "messages", words("a")).await;
    assert_eq!(reason(&full), (409, "AGENT_FULL"));
    let full = desk.agent_acts(1, &waits, "takeover", json!({})).await;
    assert_eq!(reason(&full), (409, "AGENT_FULL"));
    let said = desk.agent_acts(1, &asked, "messages", words("a")).await;
    assert_eq!(said.0, 200, "{}", said.1);
    let entry = desk.entry(&asked, "assigned").await;
    assert_eq!(text(&entry, "agent_id"), ann);
    assert!(entry["tm_first_response"].is_string(), "{entry}");
    let uri = format!("/v1/offers/{}", text(&first, "offer_id"));
    assert_eq!(desk.client.ok(Get, &uri, None).await["status"], "accepted");

    // Somebody who is no agent takes one, which is in no queue then.
    let written = json!({"client_message_id": "a", "body": "Hi!", "user_id": user(9)});
    assert_eq!(desk.act(&waits, "messages", written).await.0, 200);
    let ended = desk.entry(&waits, "ended").await;
    assert_eq!(text(&ended, "reason"), "taken_over");

    // Both are gone for too long: what they had waits again, as long as it did.
    desk.presence(9, "desk", "online").await;
    desk.presence(9, "desk", "offline").await;
    desk.presence(1, "desk", "offline").await;
    desk.at(61);
    for (chat, since) in [(&asked, &entry), (&waits, &ended)] {
        let again = desk.entry(chat, "waiting").await;
        assert_eq!(again["waiting_since"], since["waiting_since"]);
        let owner = desk.conversation(chat).await;
        assert_eq!(
            (&owner["owner_id"], &owner["needs_human"]),
            (&Json::Null, &json!(true))
        );
    }
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_takes_past_every_queue_counts_as_well(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let ann = desk.agent(1, json!({"capacity": 2})).await;
    desk.presence(1, "desk", "online").await;
    let widget = desk.widget(None).await;
    let mut chats = Vec::new();
    for _ in 0..3 {
        let visitor = desk.visitor(&widget).await;
        assert_eq!(desk.say(&visitor, "1", "Hello?").await.0, 200);
        chats.push(visitor.conversation);
    }
    let [first, second, third] = &chats[..] else {
        panic!("three chats");
    };
    let as_ann = |mut body: Json| {
        body["user_id"] = json!(user(1));
        body
    };
    let taken = desk.act(first, "takeover", as_ann(json!({}))).await;
    assert_eq!(taken.0, 200, "{}", taken.1);
    let said = desk.act(second, "messages", as_ann(words("a"))).await;
    assert_eq!(said.0, 200, "{}", said.1);
    for chat in [first, second] {
        let entry = desk.entry(chat, "assigned").await;
        assert_eq!(text(&entry, "agent_id"), ann);
        assert_eq!(entry["queue_id"], Json::Null);
    }
    // Writing once more is no second chat.
    let said = desk.act(second, "messages", as_ann(words("b"))).await;
    assert_eq!(said.0, 200, "{}", said.1);
    for (word, body) in [("takeover", json!({})), ("messages", words("c"))] {
        let full = desk.act(third, word, as_ann(body)).await;
        assert_eq!(reason(&full), (409, "AGENT_FULL"), "{word}");
    }
    let full = desk.act(third, "transfer", json!({"agent_id": ann})).await;
    assert_eq!(reason(&full), (409, "AGENT_FULL"));
    assert_eq!(desk.conversation(third).await["owner_id"], Json::Null);
    // Nothing is offered to whoever is full.
    let queue = desk.queue(json!({})).await;
    let escalated = desk
        .act(third, "escalate", json!({"queue_id": queue}))
        .await;
    assert_eq!(escalated.0, 200, "{}", escalated.1);
    desk.entry(third, "waiting").await;
    assert_eq!(desk.act(first, "close", json!({})).await.0, 200);
    let offered = desk.entry(third, "offered").await;
    assert_eq!(text(&offered, "agent_id"), ann);
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_watches_is_not_seen_to_read_or_type() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let queue = desk.queue(json!({})).await;
    desk.agent(1, json!({})).await;
    desk.presence(1, "desk", "online").await;
    let widget = desk.widget(Some(&queue)).await;
    let chat = accepted(&desk, &widget, 1).await.conversation;
    let events = desk.client.events().await;
    let (read, typing) = (
        format!("/v1/conversations/{chat}/read"),
        format!("/v1/conversations/{chat}/typing"),
    );
    // Nor is whoever writes a note.
    let noted = Some(json!({"on": true, "kind": "note"}));
    let noted = desk.by((Agent, 1), (Post, &typing), noted).await;
    assert_eq!(noted.0, 200, "{}", noted.1);
    let wrong = Some(json!({"on": true, "kind": "attachment"}));
    let wrong = desk.by((Agent, 1), (Post, &typing), wrong).await;
    assert_eq!(reason(&wrong), (400, "INVALID_FIELD"));
    desk.at(4);
    let mut seqs = Vec::new();
    for who in [(Supervisor, 20), (Agent, 1), (Agent, 1)] {
        let typed = desk
            .by(who, (Post, &typing), Some(json!({"on": true})))
            .await;
        assert_eq!(typed.0, 200, "{}", typed.1);
        let seen = desk.by(who, (Post, &read), Some(json!({"seq": 99}))).await;
        assert_eq!(seen.0, 200, "{}", seen.1);
        seqs.push(seen.1["last_seq"].as_i64().unwrap());
    }
    assert_eq!(
        (seqs[1] - seqs[0], seqs[2] - seqs[1]),
        (1, 0),
        "one receipt"
    );
    let told = until("whoever has it types twice", async || {
        let heard = events.heard();
        let typed = heard
            .iter()
            .filter(|event| event.event.kind == "typing_changed");
        let told: Vec<Json> = typed.map(|event| event.data().unwrap()).collect();
        (told.len() >= 2).then_some(told)
    })
    .await;
    assert!(
        told.iter().all(|it| text(it, "user_id") == user(1)),
        "{told:?}"
    );
    desk.end().await;
}
