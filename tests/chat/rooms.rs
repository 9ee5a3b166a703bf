//! A conversation over sockets: what is said, typed and read, by whom it is seen, and what a client gets that was away.

use bin_common_handler::testing::{BRIDGE_KEY, Kind};
use rstest::rstest;
use serde_json::json;
use tokio::time::{Duration, timeout};

use super::world::{Client, PATIENCE, World, call, text};

/// Whoever hears nothing for so long hears nothing more.
const QUIET: Duration = Duration::from_secs(3);

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_and_an_agent_talk(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let desk = &world.desk;
    let visitor = desk.visitor().await;
    let (mut page, mut agent) = (desk.join(&visitor).await, desk.agent().await);
    for client in [&mut page, &mut agent] {
        assert_eq!(client.sub(&visitor.scope()).await["last_seq"], json!(0));
    }
    // Three times the same: one message.
    for _ in 0..3 {
        page.say(visitor.msg("m-1", "Hello?")).await;
    }
    for _ in 0..3 {
        let ack = page.until("ack").await;
        assert_eq!(
            (&ack["client_message_id"], &ack["seq"]),
            (&json!("m-1"), &json!(1)),
            "{ack}"
        );
    }
    let heard = agent.until("ev").await;
    assert_eq!(text(&heard, "scope"), visitor.scope());
    assert_eq!(
        (&heard["seq"], text(&heard, "type")),
        (&json!(1), "message_created")
    );
    assert_eq!(text(&heard["data"]["message"], "body"), "Hello?");

    page.say(json!({"op": "typing", "conversation_id": visitor.conversation, "on": true}))
        .await;
    let typing = agent.until("typing").await;
    assert_eq!(
        (&typing["on"], text(&typing, "by")),
        (&json!(true), "customer")
    );
    agent.say(json!({"op": "msg", "conversation_id": visitor.conversation, "client_message_id": "n", "body": "rich", "kind": "note"})).await;
    assert_eq!(agent.until("ack").await["note_seq"], json!(1));
    agent
        .say(json!({"op": "read", "conversation_id": visitor.conversation, "seq": 1}))
        .await;
    agent.say(visitor.msg("a-1", "Hi!")).await;
    assert_eq!(agent.until("ack").await["seq"], json!(3));

    let mut kinds = Vec::new();
    for seq in 2..=4 {
        let mut frame = page.until("ev").await;
        if frame["seq"] == json!(1) {
            // Its own words may come after their acknowledgement, or before.
            frame = page.until("ev").await;
        }
        assert_eq!(frame["seq"], json!(seq), "{frame}");
        assert!(
            !frame.to_string().contains("rich"),
            "notes are not for visitors"
        );
        kinds.push(text(&frame, "type").to_owned());
    }
    assert_eq!(kinds, ["receipt", "message_created", "state"]);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_gets_everything_in_order_and_nothing_twice(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let desk = &world.desk;
    let visitor = desk.visitor().await;
    let mut page = desk.join(&visitor).await;
    for number in 1..=250 {
        page.say(visitor.msg(&format!("m-{number}"), "x")).await;
        page.until("ack").await;
        // Twenty a second are listened to.
        tokio::time::sleep(Duration::from_millis(50)).await;
        if number == 200 {
            break;
        }
    }
    let mut agent = desk.agent().await;
    let scope = visitor.scope();
    let said = agent
        .ask(json!({"op": "sub", "scope": scope, "last_seq": 3}))
        .await;
    assert_eq!(
        (text(&said, "op"), &said["last_seq"]),
        ("subscribed", &json!(200))
    );
    for seq in 4..=200 {
        let frame = agent.next().await;
        assert_eq!(
            (text(&frame, "op"), &frame["seq"]),
            ("ev", &json!(seq)),
            "{frame}"
        );
    }
    let recovered = agent.next().await;
    assert_eq!(
        recovered,
        json!({"op": "recovered", "scope": scope, "ok": true, "oldest_seq": 4})
    );
    page.say(visitor.msg("more", "x")).await;
    assert_eq!(agent.next().await["seq"], json!(201));
    // A number that never was: the lists have it.
    let mut other = desk.agent().await;
    other
        .say(json!({"op": "sub", "scope": scope, "last_seq": 5_000}))
        .await;
    let recovered = other.until("recovered").await;
    assert_eq!(recovered["ok"], json!(false), "{recovered}");
    page.say(visitor.msg("again", "x")).await;
    assert_eq!(other.next().await["seq"], json!(202));
    let said = other.ask(json!({"op": "unsub", "scope": scope})).await;
    assert_eq!(said["op"], "unsubscribed");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_arrives_at_the_agent_and_a_socket_in_two_scopes_hears_once() {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let (_, queue) = desk
        .ask("POST", "/v1/queues", Some(json!({"name": "sales"})))
        .await;
    let queue = text(&queue, "id").to_owned();
    let agent = json!({"user_id": desk.key_id, "name": "Ann"});
    let (status, made) = desk.ask("POST", "/v1/agents", Some(agent)).await;
    assert_eq!(status, 200, "{made}");
    let mut agent = desk.agent().await;
    agent
        .say(json!({"op": "presence", "status": "online"}))
        .await;
    agent.sub("me").await;
    agent.sub(&format!("queue:{queue}")).await;
    let visitor = desk.visitor().await;
    agent.sub(&visitor.scope()).await;
    agent.sub("customer").await;
    let uri = format!("/v1/conversations/{}/escalate", visitor.conversation);
    let (status, entry) = desk
        .ask("POST", &uri, Some(json!({"queue_id": queue})))
        .await;
    assert_eq!(status, 200, "{entry}");
    let mut offers = 0;
    let mut seqs = Vec::new();
    let (_, said) = desk
        .ask(
            "POST",
            &format!("/v1/conversations/{}/messages", visitor.conversation),
            Some(json!({"client_message_id": "x", "body": "internal", "kind": "note"})),
        )
        .await;
    assert_eq!(said["note_seq"], json!(1), "{said}");
    loop {
        // What has to come is waited for; then it is listened for more.
        let is_all = offers > 0 && seqs.len() >= 2;
        let patience = if is_all { QUIET } else { PATIENCE };
        let Ok(frame) = timeout(patience, agent.next()).await else {
            break;
        };
        if frame["type"] == "offer_created" {
            offers += 1;
            assert_eq!(text(&frame, "scope"), "me", "{frame}");
            assert_eq!(text(&frame["data"], "user_id"), desk.key_id);
        }
        if frame["scope"] == json!(visitor.scope()) {
            seqs.push(frame["seq"].as_i64().unwrap());
        }
        let is_of_room = text(&frame, "op") == "ev" && frame["data"]["note_seq"].is_i64();
        assert!(
            !is_of_room || frame["scope"] == json!(visitor.scope()),
            "{frame}"
        );
    }
    assert_eq!(offers, 1);
    assert_eq!(seqs, [1, 0], "the state, and the note");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_lost_a_chat_hears_no_more_of_it_and_follows_only_their_own() {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let make = async |path: &str, body| {
        let (status, made) = desk.ask("POST", path, Some(body)).await;
        assert_eq!(status, 200, "{path}: {made}");
        text(&made, "id").to_owned()
    };
    let people = [
        desk.person(BRIDGE_KEY, "agent", "ann").await,
        desk.person(BRIDGE_KEY, "agent", "bea").await,
    ];
    let queues = [
        make("/v1/queues", json!({"name": "sales"})).await,
        make("/v1/queues", json!({"name": "legal", "skills": ["law"]})).await,
    ];
    let mut agents = Vec::new();
    for person in &people {
        let agent = json!({"user_id": person.user, "name": "x"});
        agents.push(make("/v1/agents", agent).await);
        let presence = json!({"user_id": person.user, "device": "d", "status": "online"});
        make("/v1/presence", presence).await;
    }
    let visitor = desk.visitor().await;
    let uri = |word: &str| format!("/v1/conversations/{}/{word}", visitor.conversation);
    make(&uri("assign"), json!({"agent_id": agents[0]})).await;
    let mut ann = Client::open(&desk.at, "/ws/v1/events", &people[0].key).await;
    let said = ann.sub(&visitor.scope()).await;
    assert!(said["last_seq"].as_i64() > Some(0), "{said}");
    for (scope, code) in [
        ("queue_entries".to_owned(), "ROLE_NOT_ALLOWED"),
        ("offers".to_owned(), "ROLE_NOT_ALLOWED"),
        ("customer".to_owned(), "ROLE_NOT_ALLOWED"),
        (format!("queue:{}", queues[1]), "QUEUE_NOT_FOUND"),
    ] {
        let said = ann.ask(json!({"op": "sub", "scope": scope})).await;
        assert_eq!(text(&said, "code"), code, "{scope}: {said}");
    }
    ann.sub(&format!("queue:{}", queues[0])).await;
    let listed = async |key: &str| {
        let (status, found) = call(&desk.at, key, ("GET", "/v1/queue_entries"), &[], None).await;
        assert_eq!(status, 200, "{found}");
        found.as_array().map(Vec::len)
    };
    assert_eq!(listed(&people[0].key).await, Some(1));
    assert_eq!(listed(&people[1].key).await, Some(0), "it is another's");

    make(&uri("assign"), json!({"agent_id": agents[1]})).await;
    let lost = ann.until("unsubscribed").await;
    assert_eq!(text(&lost, "scope"), visitor.scope());
    let note = json!({"client_message_id": "n", "body": "private", "kind": "note"});
    make(&uri("messages"), note).await;
    ann.hears_nothing_of("private").await;
    // A socket of that conversation alone ends.
    let path = format!("/ws/v1/conversations/{}", visitor.conversation);
    let mut bea = Client::open(&desk.at, &path, &people[1].key).await;
    bea.sub(&visitor.scope()).await;
    make(&uri("assign"), json!({"agent_id": agents[0]})).await;
    assert_eq!(bea.closed().await, 4403);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_told_on_me_what_the_channel_socket_says() {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let mut agent = desk.agent().await;
    agent.sub("me").await;
    let body = json!({"channel": "socket", "to": desk.key_id, "key": "praise",
                      "data": {"text": "Well done"}});
    let (status, told) = desk.ask("POST", "/v1/notifications", Some(body)).await;
    assert_eq!(status, 200, "{told}");
    let heard = agent.until("ev").await;
    assert_eq!(
        (text(&heard, "scope"), text(&heard, "type")),
        ("me", "me_notified")
    );
    assert_eq!(heard["data"]["id"], told["id"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_word_within_a_pause_is_told_after_it() {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let visitor = desk.visitor().await;
    let (mut page, mut agent) = (desk.join(&visitor).await, desk.agent().await);
    agent.sub(&visitor.scope()).await;
    // Before the first word: it may be heard late.
    let began = std::time::Instant::now();
    for on in [true, false, true, false] {
        page.say(json!({"op": "typing", "conversation_id": visitor.conversation, "on": on}))
            .await;
    }
    assert_eq!(agent.until("typing").await["on"], json!(true));
    assert_eq!(agent.until("typing").await["on"], json!(false));
    assert!(began.elapsed() > Duration::from_secs(2), "after the pause");

    // Whoever says that they go, and goes, is heard.
    let presence = |status: &str| json!({"op": "presence", "status": status, "device": "d"});
    agent.sub("customer").await;
    let mut leaving = desk.agent().await;
    leaving.say(presence("online")).await;
    assert_eq!(text(&agent.until("presence").await, "status"), "online");
    leaving.say(presence("offline")).await;
    drop(leaving);
    assert_eq!(text(&agent.until("presence").await, "status"), "offline");
    world.end().await;
}
