//! Live events over a WebSocket, by a client that knows nothing of the bridge.

use std::time::Duration;

use bin_common_handler::{
    sockhandler::{Outgoing, Transport},
    testing::until,
};
use futures_util::{SinkExt, StreamExt};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message, client::IntoClientRequest, handshake::client::Request, protocol::CloseFrame,
    },
};
use uuid::Uuid;

use super::{
    client::KEY,
    dids::{CUSTOMER, key},
    world::{NAME, World, start},
};

/// Longest wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(10);
const FOREIGN: Uuid = Uuid::from_u128(0xf);

struct Client(WebSocketStream<TcpStream>);

impl Client {
    /// Connects with these headers.
    async fn try_connect(world: &World, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let stream = TcpStream::connect(world.at).await.unwrap();
        let request = request(world, headers);
        let (socket, _) = client_async(request, stream).await?;
        Ok(Self(socket))
    }

    async fn connect(world: &World, key: &str) -> Self {
        let client = Self::try_connect(world, &[("x-api-key", key)]).await;
        let mut client = client.unwrap();
        assert_eq!(client.next().await["op"], "hello");
        client
    }

    async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    async fn ask(&mut self, frame: Value) -> Value {
        self.say(frame).await;
        self.next().await
    }

    /// The next frame of text.
    async fn next(&mut self) -> Value {
        match self.message().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn message(&mut self) -> Message {
        let message = timeout(PATIENCE, self.0.next()).await;
        message.expect("in time").expect("a message").unwrap()
    }

    /// The code with which it is closed; what comes before is passed over.
    async fn closed(&mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("in time") {
                Some(Ok(Message::Close(Some(CloseFrame { code, .. })))) => return code.into(),
                Some(Ok(_)) => {}
                // The last word did not fit, or the connection was dropped.
                Some(Err(_)) | None => return 0,
            }
        }
    }
}

fn request(world: &World, headers: &[(&'static str, &str)]) -> Request {
    let uri = format!("ws://{}/ws/v1/events", world.at);
    let mut request = uri.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

impl World {
    async fn note(&self, customer_id: Option<Uuid>, text: &str) {
        self.tell(customer_id, json!({"text": text})).await;
    }

    async fn tell(&self, customer_id: Option<Uuid>, data: Value) {
        self.publish(&[outgoing(customer_id, ("note", "created"), data)])
            .await;
    }

    /// Something happens to the note that the room is of.
    async fn change(&self, seq: i64, kind: &str) {
        self.notes.happened.lock().unwrap().last_seq = seq;
        let data = json!({"note_id": Uuid::from_u128(1), "seq": seq, "type": kind});
        self.publish(&[outgoing(Some(CUSTOMER), ("change", "created"), data)])
            .await;
    }

    async fn publish(&self, events: &[Outgoing]) {
        let mut lease = self.bus.lease(NAME, "test").await.unwrap();
        let published = lease.publish(events).await;
        assert!(published.iter().all(|is_there| *is_there));
    }
}

fn outgoing(customer_id: Option<Uuid>, (topic, word): (&str, &str), data: Value) -> Outgoing {
    Outgoing {
        trace: None,
        routing_key: format!("{NAME}.{topic}.{}.{word}", Uuid::from_u128(1)),
        message_id: Uuid::from_u128(1).to_string(),
        version: 1,
        customer_id,
        body: json!({"type": format!("{topic}_{word}"), "publisher": NAME, "data": data})
            .to_string()
            .into_bytes(),
    }
}

fn event(seq: u64, text: &str) -> Value {
    json!({"op": "ev", "scope": "notes", "seq": seq, "type": "note_created", "data": {"text": text}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_hears_its_own_events_and_the_operator_all() {
    let world = start().await;
    world.dids.allow(&key(1), &["note:read"], json!({}));
    let mut own = Client::connect(&world, &key(1)).await;
    let mut operator = Client::connect(&world, KEY).await;
    for client in [&mut own, &mut operator] {
        let said = client.ask(json!({"op": "sub", "scope": "notes"})).await;
        assert_eq!(
            said,
            json!({"op": "subscribed", "scope": "notes", "last_seq": 0})
        );
    }
    world.note(Some(FOREIGN), "foreign").await;
    world.note(None, "nobody's").await;
    world.note(Some(CUSTOMER), "mine").await;
    assert_eq!(own.next().await, event(3, "mine"));
    for (seq, text) in [(1, "foreign"), (2, "nobody's"), (3, "mine")] {
        assert_eq!(operator.next().await, event(seq, text));
    }
    let said = own.ask(json!({"op": "unsub", "scope": "notes"})).await;
    assert_eq!(said, json!({"op": "unsubscribed", "scope": "notes"}));
    world.note(Some(CUSTOMER), "unheard").await;
    assert_eq!(own.ask(json!({"op": "ping"})).await, json!({"op": "pong"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_wanted_as_long_as_somebody_of_the_tenant_follows() {
    let world = start().await;
    world.dids.allow(&key(1), &["note:read"], json!({}));
    let wants = |kind: &str| {
        let bindings = &world.live.0.bindings;
        [Some(CUSTOMER), Some(FOREIGN)].map(|customer| bindings.wants(customer, kind))
    };
    let (mut one, mut two) = (
        Client::connect(&world, &key(1)).await,
        Client::connect(&world, &key(1)).await,
    );
    assert_eq!(wants("note"), [false, false], "nobody follows yet");
    for client in [&mut one, &mut two] {
        client.ask(json!({"op": "sub", "scope": "notes"})).await;
        client.ask(json!({"op": "sub", "scope": room()})).await;
    }
    let refused = one.ask(json!({"op": "sub", "scope": "nothing"})).await;
    assert_eq!(refused["code"], "SCOPE_NOT_FOUND");
    for kind in ["note", "change"] {
        assert_eq!(wants(kind), [true, false], "{kind}");
    }
    for scope in ["notes".to_owned(), room()] {
        one.ask(json!({"op": "unsub", "scope": scope})).await;
    }
    assert_eq!(wants("note"), [true, false], "the other one does");
    drop(two);
    until("nobody is waited for", async || {
        let none = [false, false];
        (wants("note") == none && wants("change") == none).then_some(())
    })
    .await;
    let mut operator = Client::connect(&world, KEY).await;
    operator.ask(json!({"op": "sub", "scope": "notes"})).await;
    assert_eq!(wants("note"), [true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_events_may_have_been_missed_lists_are_to_be_read_again() {
    let world = start().await;
    let mut client = Client::connect(&world, KEY).await;
    client.ask(json!({"op": "sub", "scope": "notes"})).await;
    client.ask(json!({"op": "sub", "scope": room()})).await;
    world.note(Some(CUSTOMER), "heard").await;
    assert_eq!(client.next().await, event(1, "heard"));
    world.notes.happened.lock().unwrap().last_seq = 1;
    world.live.1.resumed();
    let mut said = [client.next().await, client.next().await];
    said.sort_by_key(|frame| frame["op"].to_string());
    assert_eq!(
        (&said[0]["op"], &said[0]["seq"]),
        (&json!("ev"), &json!(1)),
        "what has numbers is fetched: {said:?}"
    );
    assert_eq!(
        said[1],
        json!({"op": "subscribed", "scope": "notes", "last_seq": 1})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_bound_to_an_account_hears_of_its_own_only() {
    let world = start().await;
    let (account, rival) = (Uuid::from_u128(0xacc), Uuid::from_u128(0xdd));
    let bound = json!({"account_id": account});
    world.dids.allow(&key(1), &["note:read"], bound);
    let mut own = Client::connect(&world, &key(1)).await;
    let said = own.ask(json!({"op": "sub", "scope": "notes"})).await;
    assert_eq!(said["op"], "subscribed", "{said}");
    let of = |account: Uuid, text: &str| json!({"account_id": account, "text": text});
    world.note(Some(CUSTOMER), "of nobody").await;
    world.tell(Some(CUSTOMER), of(rival, "a rival's")).await;
    world
        .tell(Some(FOREIGN), of(account, "another tenant's"))
        .await;
    world.tell(Some(CUSTOMER), of(account, "mine")).await;
    let heard = own.next().await;
    assert_eq!(heard["data"], of(account, "mine"), "{heard}");
    let said = own.ask(json!({"op": "unsub", "scope": "notes"})).await;
    assert_eq!(said["op"], "unsubscribed");
    world.tell(Some(CUSTOMER), of(account, "unheard")).await;
    assert_eq!(own.ask(json!({"op": "ping"})).await, json!({"op": "pong"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn following_twice_brings_an_event_once() {
    let world = start().await;
    let mut client = Client::connect(&world, KEY).await;
    for _ in 0..2 {
        let said = client.ask(json!({"op": "sub", "scope": "notes"})).await;
        assert_eq!(said["op"], "subscribed");
    }
    world.note(Some(CUSTOMER), "once").await;
    assert_eq!(client.next().await, event(1, "once"));
    assert_eq!(client.ask(json!({"op": "ping"})).await["op"], "pong");
}

#[rstest]
#[case::scope(json!({"op": "sub", "scope": "nothing"}), "SCOPE_NOT_FOUND", "nothing")]
#[case::right(json!({"op": "sub", "scope": "notes"}), "SCOPE_REQUIRED", "notes")]
#[case::op(json!({"op": "dance"}), "INVALID_FRAME", "")]
#[case::shape(json!([1]), "INVALID_FRAME", "")]
#[case::again(json!({"op": "auth", "token": "x"}), "ALREADY_AUTHENTICATED", "auth")]
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_and_the_socket_stays(
    #[case] frame: Value,
    #[case] code: &str,
    #[case] r#ref: &str,
) {
    let world = start().await;
    world.dids.allow(&key(1), &["did:read"], json!({}));
    let mut client = Client::connect(&world, &key(1)).await;
    let expected = json!({"op": "err", "code": code, "ref": r#ref});
    assert_eq!(client.ask(frame).await, expected);
    assert_eq!(client.ask(json!({"op": "ping"})).await["op"], "pong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_its_key_as_a_subprotocol_or_in_the_first_frame() {
    let world = start().await;
    let protocol = format!("bearer, {KEY}");
    let headers = [("sec-websocket-protocol", &*protocol)];
    let mut client = Client::try_connect(&world, &headers).await.unwrap();
    assert_eq!(client.next().await["op"], "hello");
    let mut client = Client::try_connect(&world, &[]).await.unwrap();
    let said = client.ask(json!({"op": "auth", "token": KEY})).await;
    assert_eq!(
        (&said["op"], &said["ping_seconds"]),
        (&json!("hello"), &json!(25))
    );
}

#[rstest]
#[case::wrong(json!({"op": "auth", "token": "wrong"}))]
#[case::nothing(json!({"op": "sub", "scope": "notes"}))]
#[case::garbage(json!("auth"))]
#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_it_is_closed(#[case] first: Value) {
    let world = start().await;
    let mut client = Client::try_connect(&world, &[]).await.unwrap();
    client.say(first).await;
    assert_eq!(client.next().await["code"], 4401);
    assert_eq!(client.closed().await, 4401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_closes_its_sockets_and_no_others() {
    let world = start().await;
    for number in [1, 2] {
        world.dids.allow(&key(number), &["note:read"], json!({}));
    }
    let mut revoked = Client::connect(&world, &key(1)).await;
    let mut other = Client::connect(&world, &key(2)).await;
    world.dids.revoke(&key(1));
    // Answers are believed for 5 s; looked at again every 2 s.
    assert_eq!(revoked.closed().await, 4401);
    assert_eq!(other.ask(json!({"op": "ping"})).await["op"], "pong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_rights_changed_comes_again_and_one_whose_rate_did_stays() {
    let world = start().await;
    for number in [1, 2] {
        world.dids.allow(&key(number), &["note:read"], json!({}));
    }
    let mut changed = Client::connect(&world, &key(1)).await;
    let mut other = Client::connect(&world, &key(2)).await;
    for client in [&mut changed, &mut other] {
        let said = client.ask(json!({"op": "sub", "scope": "notes"})).await;
        assert_eq!(said["op"], "subscribed");
    }
    world.dids.allow(&key(1), &["did:read"], json!({}));
    let rate = json!({"rate_per_second": 7});
    world.dids.allow(&key(2), &["note:read"], rate);
    assert_eq!(changed.closed().await, 1012);
    assert_eq!(other.ask(json!({"op": "ping"})).await["op"], "pong");
    let mut again = Client::connect(&world, &key(1)).await;
    let said = again.ask(json!({"op": "sub", "scope": "notes"})).await;
    assert_eq!(said["code"], "SCOPE_REQUIRED", "{said}");
}

fn room() -> String {
    format!("note:{}", Uuid::from_u128(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_breaks_off_goes_on_where_it_was() {
    let world = start().await;
    world.dids.allow(&key(1), &["note:read"], json!({}));
    let mut client = Client::connect(&world, &key(1)).await;
    let said = client.ask(json!({"op": "sub", "scope": room()})).await;
    assert_eq!(
        (&said["op"], &said["last_seq"]),
        (&json!("subscribed"), &json!(0))
    );
    world.notes.happened.lock().unwrap().is_away_after = Some(2);
    // What came before was lost on its way.
    world.change(6, "changed").await;
    for seq in 1..=6 {
        let event = client.next().await;
        assert_eq!(
            (&event["op"], &event["seq"]),
            (&json!("ev"), &json!(seq)),
            "{event}"
        );
    }
    world.change(7, "changed").await;
    assert_eq!(client.next().await["seq"], 7);
    assert_eq!(world.notes.happened.lock().unwrap().is_away_after, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sees_their_own_only_leaves_a_room_that_is_theirs_no_more() {
    let world = start().await;
    let (agent, supervisor) = (key(1), key(2));
    for (key, role) in [(&agent, "agent"), (&supervisor, "supervisor")] {
        let person = json!({"role": role, "user_id": Uuid::from_u128(3)});
        world.dids.allow(key, &["note:read"], person);
    }
    let mut agent = Client::connect(&world, &agent).await;
    let mut supervisor = Client::connect(&world, &supervisor).await;
    for client in [&mut agent, &mut supervisor] {
        let said = client.ask(json!({"op": "sub", "scope": room()})).await;
        assert_eq!(said["op"], "subscribed", "{said}");
    }
    world.change(1, "state").await;
    for client in [&mut agent, &mut supervisor] {
        assert_eq!(client.next().await["seq"], 1, "it is theirs still");
    }
    world.notes.happened.lock().unwrap().is_gone = true;
    world.change(2, "state").await;
    world.change(3, "changed").await;
    let said = agent.next().await;
    assert_eq!(said, json!({"op": "unsubscribed", "scope": room()}));
    for seq in [2, 3] {
        assert_eq!(supervisor.next().await["seq"], seq);
    }
    assert_eq!(agent.ask(json!({"op": "ping"})).await["op"], "pong");
    let said = agent.ask(json!({"op": "sub", "scope": room()})).await;
    assert_eq!(said["code"], "NOTE_NOT_FOUND", "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_under_another_spelling_is_the_same() {
    let world = start().await;
    let mut client = Client::connect(&world, KEY).await;
    let alias = format!("note:urn:uuid:{}", Uuid::from_u128(1));
    for scope in [&room(), &alias] {
        let said = client.ask(json!({"op": "sub", "scope": scope})).await;
        assert_eq!(
            (&said["op"], &said["scope"]),
            (&json!("subscribed"), &json!(room()))
        );
    }
    world.change(1, "changed").await;
    assert_eq!(client.next().await["seq"], 1);
    let said = client.ask(json!({"op": "unsub", "scope": alias})).await;
    assert_eq!(said, json!({"op": "unsubscribed", "scope": room()}));
    world.change(2, "changed").await;
    assert_eq!(client.ask(json!({"op": "ping"})).await["op"], "pong");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_is_not_closed_by_much_at_once() {
    let world = start().await;
    let mut client = Client::connect(&world, KEY).await;
    client.ask(json!({"op": "sub", "scope": "notes"})).await;
    let text = "x".repeat(10 * 1024);
    let one = || outgoing(Some(CUSTOMER), ("note", "created"), json!({"text": text}));
    let all: Vec<Outgoing> = std::iter::repeat_with(one).take(256).collect();
    let heard = async {
        for seq in 1..=512 {
            assert_eq!(client.next().await["seq"], seq);
        }
    };
    let said = async {
        world.publish(&all).await;
        world.publish(&all).await;
    };
    tokio::join!(heard, said);
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_are_counted_like_any_frame() {
    let world = start().await;
    let mut client = Client::connect(&world, KEY).await;
    for _ in 0..200 {
        if client
            .0
            .send(Message::Ping(Vec::new().into()))
            .await
            .is_err()
        {
            break;
        }
    }
    assert!([4429, 0].contains(&client.closed().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_may_not_connect() {
    let world = start().await;
    let headers = [("x-api-key", KEY), ("origin", "https://evil.example")];
    let refused = Client::try_connect(&world, &headers).await;
    assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == 403));
    let own = format!("http://{}", world.at);
    let headers = [("x-api-key", KEY), ("origin", &*own)];
    assert!(Client::try_connect(&world, &headers).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_handshake_is_refused() {
    let world = start().await;
    let answer = super::client::call(world.at, "GET /ws/v1/events", &[], "").await;
    assert_eq!(
        (answer.status, answer.reason()),
        (400, "UPGRADE_REQUIRED".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_closed_and_nobody_waits_for_it() {
    let world = start().await;
    let mut slow = Client::connect(&world, KEY).await;
    let mut other = Client::connect(&world, KEY).await;
    for client in [&mut slow, &mut other] {
        client.ask(json!({"op": "sub", "scope": "notes"})).await;
    }
    let text = "x".repeat(60 * 1024);
    // What the kernel takes for a reader that does not read is bounded; far less than this.
    for seq in 1..=400 {
        world.note(Some(CUSTOMER), &text).await;
        assert_eq!(other.next().await["seq"], seq);
    }
    let mut heard = 0;
    while let Some(Ok(Message::Text(_))) = timeout(PATIENCE, slow.0.next()).await.unwrap() {
        heard += 1;
    }
    assert!(heard < 400, "it would have been kept for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_a_frame_and_too_many_end_it() {
    let world = start().await;
    let mut client = Client::connect(&world, KEY).await;
    client
        .say(json!({"op": "sub", "scope": "x".repeat(70_000)}))
        .await;
    assert!([4413, 0].contains(&client.closed().await));
    let mut client = Client::connect(&world, KEY).await;
    for _ in 0..200 {
        if client
            .0
            .send(Message::text(r#"{"op":"ping"}"#))
            .await
            .is_err()
        {
            break;
        }
    }
    assert!([4429, 0].contains(&client.closed().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_stop_everybody_is_told_to_come_again() {
    let world = start().await;
    let mut client = Client::connect(&world, KEY).await;
    world.stop.cancel();
    let bye = client.next().await;
    assert_eq!((&bye["op"], &bye["code"]), (&json!("bye"), &json!(1012)));
    assert_eq!(client.closed().await, 1012);
    timeout(PATIENCE, world.bridge).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_holds_its_place_among_the_connections_until_it_ends() {
    let world = start().await;
    let open = || {
        world
            .metrics
            .connections
            .with_label_values(&["bridge"])
            .get()
    };
    let client = Client::connect(&world, KEY).await;
    assert_eq!(open(), 1);
    drop(client);
    until("its place is free", async || (open() == 0).then_some(())).await;
}
