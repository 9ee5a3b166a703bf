//! Live events over a WebSocket: what is followed, heard, and heard again.

use bin_common_handler::testing::until;
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    client::KEY,
    dids::{CUSTOMER, key},
    socket_client::{Client, FOREIGN, event, room},
    world::start,
};

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
#[case::op(json!({"op": "dance"}), "INVALID_FRAME", "dance")]
#[case::number(json!({"op": "sub", "scope": "notes", "last_seq": "x"}), "INVALID_FRAME", "notes")]
#[case::no_scope(json!({"op": "sub"}), "INVALID_FRAME", "sub")]
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
