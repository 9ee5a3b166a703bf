//! Who may open a socket, with which key, and until when.

use rstest::rstest;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use super::{client::KEY, dids::key, socket_client::Client, world::start};

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
