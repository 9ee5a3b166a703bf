//! A customer's own server: it keeps what it is sent, and answers what it is told to, as late as it is told to.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bin_common_handler::testing::{spawn, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// How it answers one request.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// With this status.
    Status(u16),
    /// With 204, after a while.
    Slow(Duration),
    /// With 204, once [`Receiver::release`] is called.
    Held,
    /// Not at all: it hangs up.
    HangUp,
}

/// What it was sent.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Sent {
    pub fn header(&self, name: &str) -> &str {
        let mut all = self.headers.iter().filter(|(known, _)| known == name);
        let value = all.next().map_or("", |(_, value)| value);
        assert!(all.next().is_none(), "{name} is there twice");
        value
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Kept {
    sent: Vec<Sent>,
    manners: VecDeque<Manner>,
}

/// The server. Whatever it is not told otherwise it takes with 204.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    released: Arc<Notify>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            kept: Arc::default(),
            released: Arc::default(),
        };
        let serving = receiver.clone();
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(serving.clone().serve(stream));
            }
        });
        receiver
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How it answers the next requests, one after the other.
    pub fn next(&self, manners: &[Manner]) {
        self.kept.lock().unwrap().manners.extend(manners);
    }

    /// It answers one request that it holds.
    pub fn release(&self) {
        self.released.notify_one();
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.kept.lock().unwrap().sent.clone()
    }

    /// Everything that it was sent, once it is so much.
    pub async fn until(&self, count: usize) -> Vec<Sent> {
        until(&format!("{count} requests"), async || {
            let sent = self.sent();
            (sent.len() >= count).then_some(sent)
        })
        .await
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some(sent) = read(&mut stream).await {
            let manner = {
                let mut kept = self.kept.lock().unwrap();
                kept.sent.push(sent);
                kept.manners.pop_front().unwrap_or(Manner::Status(204))
            };
            let status = match manner {
                Manner::Status(status) => status,
                Manner::Slow(span) => {
                    tokio::time::sleep(span).await;
                    204
                }
                Manner::Held => {
                    self.released.notified().await;
                    204
                }
                Manner::HangUp => return,
            };
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            let answer = match status {
                204 => "HTTP/1.1 204 X\r\n\r\n".to_owned(),
                _ => answer,
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Sent> {
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let sent = parsed(&head);
            let length: usize = sent.header("content-length").parse().unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..end + 4 + length].to_vec();
                return Some(Sent { body, ..sent });
            }
        }
        let mut chunk = [0; 4_096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

fn parsed(head: &str) -> Sent {
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Sent {
        path: first.split(' ').nth(1).unwrap_or_default().to_owned(),
        headers,
        body: Vec::new(),
    }
}
