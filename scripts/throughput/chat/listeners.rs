//! Sockets that listen, each to a queue of its own and to everybody's presences, and tell how late they heard.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{clock::Clock, httpserver::raise_descriptors};
use serde_json::{Value as Json, json};
use tandem::socket::{Heard, Socket};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::feed::AT;
use crate::{Result, sample::Sample};

/// Handshakes at a time.
const CONNECTING: usize = 128;
/// What was heard and not looked at yet.
const HEARD_MAX: usize = 65_536;
/// Longest wait for an answer, and for what was told last.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two tries to come again.
const AGAIN: Duration = Duration::from_millis(250);
/// How long all may take to come again.
const BACK_MAX: Duration = Duration::from_secs(120);

/// Sockets that are open.
pub(super) struct Listeners {
    at: String,
    key: String,
    scopes: Vec<String>,
    hearing: JoinSet<()>,
    heard: mpsc::Receiver<Duration>,
}

impl Listeners {
    /// One socket for each queue.
    pub(super) async fn connect(at: &str, key: &str, scopes: &[String]) -> Result<Self> {
        raise_descriptors();
        let (tell, heard) = mpsc::channel(HEARD_MAX);
        let places = Arc::new(Semaphore::new(CONNECTING));
        let mut opening = JoinSet::new();
        for scope in scopes {
            let place = Arc::clone(&places).acquire_owned().await?;
            let (at, key, scope) = (at.to_owned(), key.to_owned(), scope.clone());
            opening.spawn(async move {
                let opened = open(&at, &key, &scope).await;
                drop(place);
                opened
            });
        }
        let mut hearing = JoinSet::new();
        while let Some(opened) = opening.join_next().await {
            hearing.spawn(hear(opened??, tell.clone()));
        }
        Ok(Self {
            at: at.to_owned(),
            key: key.to_owned(),
            scopes: scopes.to_vec(),
            hearing,
            heard,
        })
    }

    /// The queues.
    pub(super) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// What was heard until now does not count.
    pub(super) fn forget(&mut self) {
        while self.heard.try_recv().is_ok() {}
    }

    /// How late so many events were heard; those that were not are failures.
    pub(super) async fn heard(&mut self, told: usize) -> Sample {
        let mut sample = Sample::default();
        let end = Instant::now() + PATIENCE;
        while sample.replies() < told {
            match timeout_at(end, self.heard.recv()).await {
                Ok(Some(late)) => sample.answered(late),
                _ => break,
            }
        }
        for _ in sample.replies()..told {
            sample.refused("an event was not heard".to_owned());
        }
        sample
    }

    /// All of them come again, as clients do whose bridge died; how many are back.
    pub(super) async fn come_again(mut self) -> Result<usize> {
        self.hearing.shutdown().await;
        let places = Arc::new(Semaphore::new(CONNECTING));
        let mut coming = JoinSet::new();
        for scope in self.scopes {
            let (at, key, places) = (self.at.clone(), self.key.clone(), Arc::clone(&places));
            coming.spawn(async move {
                let end = Instant::now() + BACK_MAX;
                while Instant::now() < end {
                    let place = places.acquire().await;
                    if let Ok(socket) = open(&at, &key, &scope).await {
                        return Some(socket);
                    }
                    drop(place);
                    sleep(AGAIN).await;
                }
                None
            });
        }
        let mut back = Vec::new();
        while let Some(came) = coming.join_next().await {
            back.extend(came?);
        }
        Ok(back.len())
    }
}

/// Connects, and follows.
async fn open(at: &str, key: &str, queue: &str) -> Result<Socket> {
    let protocol = format!("bearer, {key}");
    let headers = [("sec-websocket-protocol", protocol.as_str())];
    let opened = timeout(PATIENCE, Socket::connect(at, "/ws/v1/events", &headers)).await??;
    let mut socket = opened.map_err(|status| format!("no socket: {status}"))?;
    let queue = format!("queue:{queue}");
    for (scope, answer) in [
        ("", "hello"),
        (&queue, "subscribed"),
        ("presences", "subscribed"),
    ] {
        if !scope.is_empty() {
            let sub = json!({"op": "sub", "scope": scope});
            socket.send(&sub.to_string()).await?;
        }
        match timeout(PATIENCE, socket.next()).await? {
            Heard::Text(text) if text.contains(&format!("\"op\":\"{answer}\"")) => {}
            other => return Err(format!("no {answer}: {other:?}").into()),
        }
    }
    Ok(socket)
}

/// Until it ends.
async fn hear(mut socket: Socket, tell: mpsc::Sender<Duration>) {
    let clock = Clock::default();
    loop {
        match socket.next().await {
            Heard::Text(text) => {
                let now = clock.now().micros();
                let frame: Json = serde_json::from_str(&text).unwrap_or_default();
                let at = frame.pointer(&format!("/data/{AT}")).and_then(Json::as_i64);
                if let Some(at) = at {
                    let late = u64::try_from(now.saturating_sub(at)).unwrap_or_default();
                    let _ = tell.send(Duration::from_micros(late)).await;
                }
            }
            Heard::Pong(_) => {}
            Heard::Closed(_) | Heard::Gone => return,
        }
    }
}
