//! Bidders outside of the exchange: small HTTP servers, each with its own manners.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value as Json;

/// A bidder that runs until the test ends.
pub struct Bidder {
    /// Where it is asked.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A question that a bidder was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The head, in small letters.
    pub head: String,
    pub body: Json,
}

impl Asked {
    pub fn is_post(&self) -> bool {
        self.body["post"] == true
    }
}

impl Bidder {
    /// Answers each question by what `answer` says: status, body.
    pub fn new(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self::raw(move |mut stream, asked| {
            let (status, body) = answer(asked);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        })
    }

    /// Bids so much, and takes every call.
    pub fn bidding(amount: i64) -> Self {
        Self::new(move |_| (200, format!(r#"{{"amount": {amount}}}"#)))
    }

    /// Does with each connection whatever it likes.
    pub fn raw(serve: impl Fn(TcpStream, &Asked) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/bid", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (noted, serve) = (Arc::clone(&asked), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (noted, serve) = (Arc::clone(&noted), Arc::clone(&serve));
                std::thread::spawn(move || {
                    if let Some((stream, question)) = read(stream) {
                        noted.lock().unwrap().push(question.clone());
                        serve(stream, &question);
                    }
                });
            }
        });
        Self { url, asked }
    }

    /// Everything that it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often it was asked for a bid, and told that it won.
    pub fn counts(&self) -> (usize, usize) {
        let asked = self.asked();
        let posts = asked.iter().filter(|asked| asked.is_post()).count();
        (asked.len() - posts, posts)
    }
}

fn read(mut stream: TcpStream) -> Option<(TcpStream, Asked)> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .and_then(|length| length.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                let body = serde_json::from_str(body).unwrap_or_default();
                return Some((stream, Asked { head, body }));
            }
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&piece[..count]),
            _ => return None,
        }
    }
}
