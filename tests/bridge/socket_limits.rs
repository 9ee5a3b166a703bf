//! What a socket may ask of the bridge, and when it ends.

use std::time::Duration;

use bin_common_handler::{sockhandler::Outgoing, testing::until};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::{
    client::KEY,
    dids::CUSTOMER,
    socket_client::{Client, PATIENCE, outgoing},
    world::start,
};

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

/// The codes that it is told, and closed with.
async fn told_and_closed(client: &mut Client) -> (u64, u16) {
    loop {
        let frame = client.next().await;
        if frame["op"] == "bye" {
            let code = frame["code"].as_u64().unwrap();
            return (code, client.closed().await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_a_frame_and_too_many_end_it_with_a_bye() {
    let world = start().await;
    let mut client = Client::connect(&world, KEY).await;
    client
        .say(json!({"op": "sub", "scope": "x".repeat(200_000)}))
        .await;
    // Whoever does not read at once hears it, too.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(told_and_closed(&mut client).await, (4413, 4413));
    let mut client = Client::connect(&world, KEY).await;
    for _ in 0..1_000 {
        let ping = Message::text(r#"{"op":"ping"}"#);
        client.0.feed(ping).await.unwrap();
    }
    client.0.flush().await.unwrap();
    assert_eq!(told_and_closed(&mut client).await, (4429, 4429));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_stop_everybody_is_told_to_come_again() {
    let world = start().await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Client::connect(&world, KEY).await);
    }
    world.stop.cancel();
    let mut waits = Vec::new();
    for client in &mut clients {
        let bye = client.next().await;
        assert_eq!((&bye["op"], &bye["code"]), (&json!("bye"), &json!(1012)));
        waits.push(bye["retry_after_ms"].as_u64().unwrap());
        assert_eq!(client.closed().await, 1012);
    }
    assert!(waits.iter().all(|wait| *wait < 5_000), "{waits:?}");
    waits.dedup();
    assert!(waits.len() > 1, "all come at once: {waits:?}");
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
