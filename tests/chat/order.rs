//! Many messages, and clients who come and go: in order, none lost, none twice.

use std::time::Duration;

use bin_common_handler::testing::{Kind, spawn};
use rstest::rstest;
use serde_json::json;
use tandem::socket::Heard;
use tokio::time::{Instant, timeout};

use super::world::{Asker, Client, Desk, Visitor, World, setting};

/// How many messages there are inside one process, and over a broker; `CHAT_MESSAGES` says otherwise, e.g. 1000000.
const MESSAGES: usize = 4_000;
const MESSAGES_FULL: usize = 2_000;
const CONVERSATIONS: usize = 10;
/// A reader leaves after so many events, or a fiftieth of all.
const STAY: i64 = 37;
/// A message takes at most so long, over all.
const EACH_MAX: Duration = Duration::from_millis(20);

fn messages(kind: Kind) -> usize {
    let usual = match kind {
        Kind::Embedded => MESSAGES,
        Kind::Full => MESSAGES_FULL,
    };
    let set = setting("CHAT_MESSAGES");
    set.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Says `count` things over HTTP, until each is taken.
pub async fn speak(desk: Desk, visitor: Visitor, count: usize) {
    let mut asker = Asker::new(&desk.at, &desk.key);
    for number in 0..count {
        let key = format!("m{number}");
        while !asker.says(&visitor, &key, &number.to_string()).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Reads until `last` at one node after the other, leaving each after `stay` events; what was heard, in order.
pub async fn read(
    nodes: &[String],
    key: &str,
    visitor: &Visitor,
    (last, stay): (i64, i64),
) -> Vec<i64> {
    let (mut heard, mut until) = (Vec::new(), stay);
    let patience = EACH_MAX * u32::try_from(last).unwrap() + Duration::from_secs(120);
    let give_up = Instant::now() + patience;
    let mut nodes = nodes.iter().cycle();
    while heard.last() != Some(&last) {
        assert!(Instant::now() < give_up, "{:?} of {last}", heard.last());
        let node = nodes.next().unwrap();
        let Some(mut client) = Client::come(node, "/ws/v1/events", key).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let known = heard.last().copied().unwrap_or(0);
        let sub = json!({"op": "sub", "scope": visitor.scope(), "last_seq": known});
        if client.0.send(&sub.to_string()).await.is_err() {
            continue;
        }
        while heard.last().copied().unwrap_or(0) < until.min(last) {
            let Ok(Heard::Text(text)) = timeout(Duration::from_secs(30), client.0.next()).await
            else {
                break;
            };
            let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
            match frame["op"].as_str() {
                Some("ev") => heard.push(frame["seq"].as_i64().unwrap()),
                Some("err" | "bye") => break,
                _ => assert_ne!(frame["ok"], json!(false), "{frame}"),
            }
        }
        until = until.max(heard.last().copied().unwrap_or(0)) + stay;
    }
    heard
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn readers_who_come_and_go_hear_everything_once_and_in_order(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let each = messages(kind) / CONVERSATIONS;
    // The first of them takes the conversation over, which is an event of its own.
    let last = i64::try_from(each).unwrap() + 1;
    let stay = STAY.max(last / 50);
    let mut speaking = Vec::new();
    for _ in 0..CONVERSATIONS {
        let (desk, visitor) = (world.desk.clone(), world.desk.visitor().await);
        let speaker = spawn(speak(desk.clone(), visitor.clone(), each));
        let reader = spawn(async move {
            read(
                std::slice::from_ref(&desk.at),
                &desk.key,
                &visitor,
                (last, stay),
            )
            .await
        });
        speaking.push((speaker, reader));
    }
    for (speaker, reader) in speaking {
        speaker.await.unwrap();
        let expected: Vec<i64> = (1..=last).collect();
        assert_eq!(reader.await.unwrap(), expected);
    }
    world.end().await;
}
