//! A server that says, connection by connection, what a test wrote down, and keeps what it was asked.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

/// What happens to one connection.
#[derive(Debug, Clone, Copy)]
pub enum Say {
    /// These bytes, then the end.
    All(&'static str),
    /// These bytes, and then nothing until the client goes.
    Part(&'static str),
}

/// How long a request may take that must come.
const PATIENCE: Duration = Duration::from_secs(10);
/// A server that accepts and never answers.
pub const SILENCE: Say = Say::Part("");

/// It answers as many connections as it has things to say, and refuses more.
pub struct Stub {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
    asked: mpsc::Receiver<()>,
}

impl Stub {
    pub fn new(script: &[Say]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (tell, asked) = mpsc::channel();
        let (script, kept) = (script.to_vec(), Arc::clone(&requests));
        thread::spawn(move || {
            for say in script {
                let (mut stream, _) = listener.accept().unwrap();
                kept.lock().unwrap().push(request(&mut stream));
                let _ = tell.send(());
                answer(stream, say);
            }
        });
        Self {
            url,
            requests,
            asked,
        }
    }

    /// Until the next request is in.
    pub fn wait(&self) {
        self.asked.recv_timeout(PATIENCE).unwrap();
    }

    /// Every request so far, as it came.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Where nobody listens.
pub fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !is_whole(&text) {
        match stream.read(&mut bytes) {
            Ok(count) if count > 0 => text.push_str(std::str::from_utf8(&bytes[..count]).unwrap()),
            _ => break,
        }
    }
    text
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    body.len() >= length.map_or(0, |it| it.parse().unwrap())
}

fn answer(mut stream: TcpStream, say: Say) {
    match say {
        Say::All(text) => {
            let _ = stream.write_all(text.as_bytes());
        }
        Say::Part(text) => {
            let _ = stream.write_all(text.as_bytes());
            let _ = stream.read(&mut [0; 1]);
        }
    }
}

/// A header of a request.
pub fn header<'t>(request: &'t str, name: &str) -> &'t str {
    let found = request.lines().find_map(|line| {
        let (known, value) = line.split_once(": ")?;
        known.eq_ignore_ascii_case(name).then_some(value)
    });
    found.unwrap_or_default()
}
