//! Just enough HTTP to ask a daemon how it is.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A daemon that is stopped accepts, and says nothing.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Status and body of a GET; nothing when nobody answers.
pub(super) async fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let asked = tokio::time::timeout(ANSWER_MAX, ask(port, path)).await;
    asked.ok().flatten()
}

async fn ask(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: daemon\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.ok()?;
    let (head, body) = reply.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
