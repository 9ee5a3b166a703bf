//! Who may not: every scope and every frame, for strangers, foreign customers, other visitors, and tokens that are over.

use bin_common_handler::testing::{BRIDGE_KEY, Kind, until};
use serde_json::{Value as Json, json};
use tandem::socket::Socket;

use super::world::{Client, Desk, PAGE, World, call, text};

fn frames(conversation: &str) -> Vec<Json> {
    vec![
        json!({"op": "msg", "conversation_id": conversation, "client_message_id": "x", "body": "x"}),
        json!({"op": "read", "conversation_id": conversation, "seq": 1}),
        json!({"op": "typing", "conversation_id": conversation, "on": true}),
        json!({"op": "presence", "status": "online"}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_into_a_room_that_is_not_theirs() {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let visitor = desk.visitor().await;
    let (_, queue) = desk
        .ask("POST", "/v1/queues", Some(json!({"name": "sales"})))
        .await;
    let scopes = [visitor.scope(), format!("queue:{}", text(&queue, "id"))];

    let foreign = Desk::open(&desk.at, BRIDGE_KEY).await;
    let mut client = foreign.agent().await;
    for scope in &scopes {
        for last_seq in [Json::Null, json!(0)] {
            let said = client
                .ask(json!({"op": "sub", "scope": scope, "last_seq": last_seq}))
                .await;
            let code = text(&said, "code");
            assert!(code.ends_with("_NOT_FOUND"), "{scope}: {said}");
        }
    }
    for frame in &frames(&visitor.conversation)[..3] {
        let said = client.ask(frame.clone()).await;
        assert_eq!(
            text(&said, "code"),
            "CONVERSATION_NOT_FOUND",
            "{frame}: {said}"
        );
    }
    // In its own scopes it hears nothing of others.
    client.sub("customer").await;
    client.sub("me").await;
    let mut page = desk.join(&visitor).await;
    page.say(visitor.msg("m", "Hello?")).await;
    page.until("ack").await;
    assert_eq!(client.ask(json!({"op": "ping"})).await["op"], "pong");

    let other = desk.visitor().await;
    let mut client = Client::open(&desk.at, "/ws/v1/events", &other.token).await;
    let beyond = [
        scopes[0].clone(),
        scopes[1].clone(),
        "me".to_owned(),
        "customer".to_owned(),
        "conversations".to_owned(),
        "offers".to_owned(),
    ];
    for scope in &beyond {
        let said = client.ask(json!({"op": "sub", "scope": scope})).await;
        let code = text(&said, "code");
        assert!(
            ["CONVERSATION_NOT_FOUND", "SCOPE_REQUIRED"].contains(&code),
            "{scope}: {said}"
        );
    }
    for frame in frames(&visitor.conversation) {
        let said = client.ask(frame.clone()).await;
        let code = text(&said, "code");
        assert!(
            ["CONVERSATION_NOT_FOUND", "SCOPE_REQUIRED"].contains(&code),
            "{frame}: {said}"
        );
    }
    client.sub(&other.scope()).await;
    // A path is one room, also for who may be in others.
    let path = format!("/ws/v1/conversations/{}", visitor.conversation);
    let mut client = Client::try_open(&desk.at, &path, &other.token, &[])
        .await
        .unwrap();
    assert_eq!(client.closed().await, 4403);
    let mut client = Client::try_open(&desk.at, &path, &foreign.key, &[])
        .await
        .unwrap();
    assert_eq!(client.closed().await, 4403);
    let mut client = Client::open(&desk.at, &path, &desk.key).await;
    let said = client
        .ask(json!({"op": "sub", "scope": other.scope()}))
        .await;
    assert_eq!(text(&said, "code"), "SCOPE_REQUIRED");
    let said = client.ask(other.msg("x", "x")).await;
    assert_eq!(text(&said, "code"), "SCOPE_REQUIRED");
    let (_, unheard) = desk
        .ask(
            "GET",
            &format!("/v1/conversations/{}/messages", other.conversation),
            None,
        )
        .await;
    assert_eq!(unheard, json!([]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_open_nothing_when_they_are_over_or_on_a_foreign_page() {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let visitor = desk.visitor().await;
    let path = format!("/ws/v1/conversations/{}", visitor.conversation);
    let open = async |token: &str, origin: &str| {
        let headers = [("origin", origin)];
        Client::try_open(&desk.at, &path, token, &headers).await
    };
    let mut own = open(&visitor.token, PAGE).await.unwrap();
    assert_eq!(own.next().await["op"], "hello");
    assert_eq!(
        open(&visitor.token, "https://evil.test")
            .await
            .unwrap()
            .closed()
            .await,
        4403
    );
    assert_eq!(
        open(&desk.key, PAGE).await.err(),
        Some(403),
        "a key is for no page of strangers"
    );
    for token in [
        format!("{}x", visitor.token),
        "a.b.c".to_owned(),
        "x".to_owned(),
    ] {
        let mut client = Client::try_open(&desk.at, &path, &token, &[])
            .await
            .unwrap();
        assert_eq!(client.closed().await, 4401, "{token}");
    }
    // By its first frame, a page of strangers may show a visitor's token only.
    for (token, code) in [(&visitor.token, 0), (&desk.key, 4403)] {
        let headers = [("origin", PAGE)];
        let socket = Socket::connect(&desk.at, &path, &headers).await.unwrap();
        let mut client = Client(socket.unwrap());
        client.say(json!({"op": "auth", "token": token})).await;
        if code == 0 {
            assert_eq!(client.next().await["op"], "hello");
        } else {
            assert_eq!(client.closed().await, code);
        }
    }
    // A session that ends closes its sockets, and nobody else's.
    let mut agent = desk.agent().await;
    let end = format!("/v1/chat_sessions/{}/end", visitor.session);
    let began = std::time::Instant::now();
    let ended = call(
        &desk.at,
        "",
        ("POST", &end),
        &[],
        Some(&json!({"token": visitor.token})),
    )
    .await;
    assert_eq!(ended.0, 200, "{}", ended.1);
    assert_eq!(own.closed().await, 4401);
    assert!(began.elapsed().as_secs() < 5);
    assert_eq!(agent.ask(json!({"op": "ping"})).await["op"], "pong");
    let revoke = format!("/v1/accesskeys/{}", desk.key_id);
    let revoked = call(&desk.at, BRIDGE_KEY, ("DELETE", &revoke), &[], None).await;
    assert_eq!(revoked.0, 200, "{}", revoked.1);
    assert_eq!(agent.closed().await, 4401);
    assert!(began.elapsed().as_secs() < 10);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_has_a_bounded_number_of_sockets_and_leaves_none_behind() {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let (visitor, other) = (desk.visitor().await, desk.visitor().await);
    let path = format!("/ws/v1/conversations/{}", visitor.conversation);
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(desk.join(&visitor).await);
    }
    let mut refused = Client::try_open(&desk.at, &path, &visitor.token, &[])
        .await
        .unwrap();
    assert_eq!(refused.closed().await, 4429);
    desk.join(&other).await;
    drop(open);
    until("places are free again", async || {
        let again = Client::try_open(&desk.at, &path, &visitor.token, &[]).await;
        let hello = again.unwrap().next().await;
        (hello["op"] == "hello").then_some(())
    })
    .await;
    world.end().await;
}
