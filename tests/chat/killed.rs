//! `tandem` killed again and again: what was acknowledged is there, once, in order, and clients go on where they were.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value as Json, json};
use tandem::socket::{Heard, Socket};
use tokio::{net::TcpStream, time::timeout};

use super::world::Desk;

const OPERATOR: &str = "0123456789abcdef-operator";
/// Acknowledged messages in all; `CHAT_KILLED_MESSAGES` says otherwise.
const MESSAGES: i64 = 120;
const KILLS: u32 = 3;

fn start(dir: &Path, at: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args([
            "serve",
            "--http-listen-address",
            at,
            "--prometheus-listen-address",
            "127.0.0.1:0",
            "--log-level",
            "error",
        ])
        .env("DATA_DIR", dir)
        .env("BRIDGE_ACCESS_KEY", OPERATOR)
        .env("SECRETS_KEY", "0123456789abcdef0123456789abcdef")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn serves(at: &str) {
    for _ in 0..600 {
        if TcpStream::connect(at).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not start");
}

/// A socket that follows the conversation after `known`.
async fn follow(desk: &Desk, scope: &str, known: i64) -> Option<Socket> {
    let protocol = format!("bearer, {}", desk.key);
    let headers = [("sec-websocket-protocol", protocol.as_str())];
    let mut socket = Socket::connect(&desk.at, "/ws/v1/events", &headers)
        .await
        .ok()?
        .ok()?;
    let sub = json!({"op": "sub", "scope": scope, "last_seq": known});
    socket.send(&sub.to_string()).await.ok()?;
    Some(socket)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap().to_string();
    drop(free);
    let mut served = start(dir.path(), &at);
    serves(&at).await;
    let desk = Desk::open(&at, OPERATOR).await;
    let visitor = desk.visitor().await;
    let set = super::world::setting("CHAT_KILLED_MESSAGES");
    let last = set.and_then(|text| text.parse().ok()).unwrap_or(MESSAGES);
    let (mut heard, mut acked, mut said) = (Vec::<i64>::new(), 0_i64, 0_i64);
    let (mut kills, mut socket) = (0, None);
    while acked < last
        || heard.iter().filter(|seq| **seq > 0).count() < usize::try_from(last).unwrap()
    {
        if kills < KILLS && acked > last / i64::from(KILLS + 1) * i64::from(kills + 1) {
            kills += 1;
            served.kill().unwrap();
            served.wait().unwrap();
            served = start(dir.path(), &at);
            serves(&at).await;
            socket = None;
        }
        let Some(open) = &mut socket else {
            socket = follow(&desk, &visitor.scope(), heard.last().copied().unwrap_or(0)).await;
            said = acked;
            continue;
        };
        if said == acked && acked < last {
            // The same words under the same id, until they are acknowledged.
            let frame = json!({"op": "msg", "conversation_id": visitor.conversation, "kind": "text",
                "client_message_id": format!("m{acked}"), "body": acked.to_string()});
            if open.send(&frame.to_string()).await.is_err() {
                socket = None;
                continue;
            }
            said += 1;
        }
        let Ok(Heard::Text(text)) = timeout(Duration::from_secs(10), open.next()).await else {
            socket = None;
            continue;
        };
        let frame: Json = serde_json::from_str(&text).unwrap();
        match frame["op"].as_str().unwrap() {
            "ack" if frame["client_message_id"] == json!(format!("m{acked}")) => acked += 1,
            "ev" => heard.push(frame["seq"].as_i64().unwrap()),
            "err" => {
                said = acked;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            "bye" => socket = None,
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(kills, KILLS);
    let expected: Vec<i64> = (1..=i64::try_from(heard.len()).unwrap()).collect();
    assert_eq!(heard, expected, "in order, none lost, none twice");
    let uri = format!(
        "/v1/conversations/{}/messages?after_seq=0&limit=1000",
        visitor.conversation
    );
    let (_, all) = desk.ask("GET", &uri, None).await;
    let bodies: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["body"].as_str().unwrap())
        .collect();
    let expected: Vec<String> = (0..last.min(1_000))
        .map(|number| number.to_string())
        .collect();
    assert_eq!(bodies, expected);
    served.kill().unwrap();
    served.wait().unwrap();
}
