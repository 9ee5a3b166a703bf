//! Many messages, and clients who come and go: in order, none lost, none twice.

use std::time::Duration;

use bin_common_handler::testing::{Kind, spawn};
use rstest::rstest;
use serde_json::json;
use tandem::socket::Heard;
use tokio::time::{Instant, timeout};

use super::world::{Client, Desk, Visitor, World};

/// How many messages there are; `CHAT_MESSAGES` says otherwise.
const MESSAGES: usize = 2_000;
const CONVERSATIONS: usize = 10;
/// A reader leaves after so many events.
const STAY: i64 = 37;

fn messages() -> usize {
    let set = super::world::setting("CHAT_MESSAGES");
    set.and_then(|text| text.parse().ok()).unwrap_or(MESSAGES)
}

/// Says `count` things over HTTP, until each is taken.
async fn speak(desk: Desk, visitor: Visitor, count: usize) {
    let uri = format!("/v1/conversations/{}/messages", visitor.conversation);
    for number in 0..count {
        let body = json!({"client_message_id": format!("m{number}"), "body": number.to_string()});
        while desk.ask("POST", &uri, Some(body.clone())).await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Reads until `last`, leaving and coming again; what was heard, in order.
pub async fn read(desk: &Desk, visitor: &Visitor, last: i64) -> Vec<i64> {
    let (mut heard, mut until) = (Vec::new(), STAY);
    let give_up = Instant::now() + Duration::from_secs(600);
    while heard.last() != Some(&last) {
        assert!(Instant::now() < give_up, "{:?} of {last}", heard.last());
        let Ok(client) = Client::try_open(&desk.at, "/ws/v1/events", &desk.key, &[]).await else {
            continue;
        };
        let mut socket = client.0;
        let known = heard.last().copied().unwrap_or(0);
        let sub = json!({"op": "sub", "scope": visitor.scope(), "last_seq": known});
        if socket.send(&sub.to_string()).await.is_err() {
            continue;
        }
        while heard.last().copied().unwrap_or(0) < until.min(last) {
            let Ok(Heard::Text(text)) = timeout(Duration::from_secs(30), socket.next()).await
            else {
                break;
            };
            let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_ne!(frame["ok"], json!(false), "{frame}");
            if frame["op"] == "ev" {
                heard.push(frame["seq"].as_i64().unwrap());
            }
        }
        until += STAY;
    }
    heard
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn readers_who_come_and_go_hear_everything_once_and_in_order(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let each = messages() / CONVERSATIONS;
    let mut speaking = Vec::new();
    for _ in 0..CONVERSATIONS {
        let (desk, visitor) = (world.desk.clone(), world.desk.visitor().await);
        let speaker = spawn(speak(desk.clone(), visitor.clone(), each));
        // The first of them takes the conversation over, which is an event of its own.
        let last = i64::try_from(each).unwrap() + 1;
        let reader = spawn(async move { read(&desk, &visitor, last).await });
        speaking.push((speaker, reader));
    }
    for (speaker, reader) in speaking {
        speaker.await.unwrap();
        let expected: Vec<i64> = (1..=i64::try_from(each).unwrap() + 1).collect();
        assert_eq!(reader.await.unwrap(), expected);
    }
    world.end().await;
}
