//! One TCP connection: messages in, answers out.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};

use super::message::{Fault, MESSAGE_MAX, Message, Request, parse};

/// How long nothing may come.
const IDLE_MAX: Duration = Duration::from_secs(180);
/// How long an answer may take to be taken.
const WRITE_MAX: Duration = Duration::from_secs(5);

/// What a connection hears.
pub(super) struct Heard {
    pub peer: SocketAddr,
    pub connection: u64,
    pub request: Option<Box<Request>>,
}

/// Serves a connection until it ends; its number.
pub(super) async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    connection: u64,
    heard: mpsc::Sender<Heard>,
    mut answers: mpsc::Receiver<Vec<u8>>,
) -> u64 {
    let mut buffer = Vec::with_capacity(2_048);
    let mut piece = [0; 2_048];
    loop {
        tokio::select! {
            read = timeout(IDLE_MAX, stream.read(&mut piece)) => {
                let Ok(Ok(count @ 1..)) = read else { return connection };
                buffer.extend_from_slice(piece.get(..count).unwrap_or_default());
                if !take_messages(&mut buffer, peer, connection, &heard).await {
                    return connection;
                }
            }
            answer = answers.recv() => {
                let Some(answer) = answer else { return connection };
                let written = timeout(WRITE_MAX, stream.write_all(&answer)).await;
                if !matches!(written, Ok(Ok(()))) {
                    return connection;
                }
            }
        }
    }
}

/// Passes whole messages on. False when what comes is none: then nobody knows where the next one begins.
async fn take_messages(
    buffer: &mut Vec<u8>,
    peer: SocketAddr,
    connection: u64,
    heard: &mpsc::Sender<Heard>,
) -> bool {
    loop {
        // Keep-alives between messages (RFC 5626, 3.5.1).
        let blank = buffer
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        buffer.drain(..blank);
        let request = match parse(buffer, true) {
            Ok((message, length)) => {
                buffer.drain(..length);
                match message {
                    Message::Request(request) => Some(request),
                    Message::Response => continue,
                }
            }
            Err(Fault::Incomplete) if buffer.len() < MESSAGE_MAX => return true,
            Err(_) => None,
        };
        let is_right = request.is_some();
        let said = Heard {
            peer,
            connection,
            request,
        };
        if heard.send(said).await.is_err() || !is_right {
            return false;
        }
    }
}
