//! A server in the place of a model's: it takes JSON over HTTP, and a test says what it answers.

use std::net::SocketAddr;

use bin_common_handler::testing::spawn;
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Serves until the test is over. `answer` makes a status and a body of each request's head and body.
pub async fn serve<A, F>(answer: A) -> SocketAddr
where
    A: Fn(String, Json) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = (u16, Json)> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn(exchange(stream, answer.clone()));
        }
    });
    address
}

/// One request, and its answer.
async fn exchange<A, F>(mut stream: TcpStream, answer: A)
where
    A: Fn(String, Json) -> F + Send + Sync + 'static,
    F: Future<Output = (u16, Json)> + Send + 'static,
{
    let Some((head, body)) = read(&mut stream).await else {
        return;
    };
    let (status, body) = answer(head, body).await;
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// The head and the body, once the body is whole; none when the caller leaves before.
async fn read(stream: &mut TcpStream) -> Option<(String, Json)> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 8_192];
        let count = stream.read(&mut chunk).await.ok()?;
        if count == 0 {
            return None;
        }
        bytes.extend_from_slice(&chunk[..count]);
        let all = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = all.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            return Some((head.to_owned(), body));
        }
    }
}
