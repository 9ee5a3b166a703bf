//! A small WebSocket client (RFC 6455), for the harness and the tests: nothing of it is shared with the bridge's server,
//! so neither hides the other's mistakes.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(15);
/// Longest head of an answer, in bytes.
const HEAD_MAX: usize = 16 * 1024;
/// Longest message that is taken, in bytes.
const MESSAGE_MAX: usize = 1024 * 1024;
/// A server learns nothing from a key that is always the same, and a cache would.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0xe8];
/// The opening key; its answer is not looked at, as no cache stands between.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A whole text.
pub const TEXT: u8 = 0x1;
/// A part that goes on.
pub const CONTINUATION: u8 = 0x0;
/// Whole bytes.
pub const BINARY: u8 = 0x2;
/// Goodbye.
pub const CLOSE: u8 = 0x8;
/// Are you there?
pub const PING: u8 = 0x9;
/// I am.
pub const PONG: u8 = 0xa;
/// The last frame of a message.
pub const FIN: u8 = 0x80;

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A text.
    Text(String),
    /// It answers a ping.
    Pong(Vec<u8>),
    /// It says goodbye, with this code; 1005 for none.
    Closed(u16),
    /// The connection ended without a word.
    Gone,
}

/// A connection to a server.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
    message: Vec<u8>,
}

impl Socket {
    /// Connects to `host:port`, with these headers; the status where it is not 101.
    ///
    /// # Errors
    /// When there is no connection, or what answers is no HTTP.
    pub async fn connect(
        at: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Result<Self, u16>> {
        timeout(HANDSHAKE_MAX, Self::open(at, path, headers))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn open(at: &str, path: &str, headers: &[(&str, &str)]) -> io::Result<Result<Self, u16>> {
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        let mut socket = Self {
            stream,
            buffer: Vec::new(),
            message: Vec::new(),
        };
        let mut head = format!(
            "GET {path} HTTP/1.1\r\nhost: {at}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n"
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        socket.stream.write_all(head.as_bytes()).await?;
        let end = loop {
            if let Some(at) = socket.buffer.windows(4).position(|it| it == b"\r\n\r\n") {
                break at;
            }
            if socket.buffer.len() > HEAD_MAX || !socket.more().await? {
                return Err(io::ErrorKind::InvalidData.into());
            }
        };
        let status = std::str::from_utf8(socket.buffer.get(..end).unwrap_or_default())
            .ok()
            .and_then(|head| head.split(' ').nth(1)?.parse().ok())
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        if status != 101 {
            return Ok(Err(status));
        }
        socket.buffer.drain(..end.saturating_add(4));
        Ok(Ok(socket))
    }

    /// Sends a text.
    ///
    /// # Errors
    /// When the connection ended.
    pub async fn send(&mut self, text: &str) -> io::Result<()> {
        self.frame(FIN | TEXT, text.as_bytes()).await
    }

    /// Sends one frame with this first byte.
    ///
    /// # Errors
    /// When the connection ended.
    pub async fn frame(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        let mut bytes = vec![first];
        let masked = 0x80;
        match payload.len() {
            short @ ..126 => bytes.push(masked | u8::try_from(short).unwrap_or(0)),
            middle @ ..65_536 => {
                bytes.push(masked | 126);
                bytes.extend(u16::try_from(middle).unwrap_or(0).to_be_bytes());
            }
            long => {
                bytes.push(masked | 127);
                bytes.extend(u64::try_from(long).unwrap_or(0).to_be_bytes());
            }
        }
        bytes.extend(MASK);
        let mask = MASK.iter().cycle();
        bytes.extend(payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
        self.raw(&bytes).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection ended.
    pub async fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Says no more, and still listens.
    ///
    /// # Errors
    /// When the connection ended.
    pub async fn shut(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// What the server says next; pings are answered. May be given up and called again.
    pub async fn next(&mut self) -> Heard {
        loop {
            match self.take() {
                Taken::Frame(first, payload) => match self.hear(first, payload).await {
                    Some(heard) => return heard,
                    None => continue,
                },
                Taken::Bad => return Heard::Gone,
                Taken::Partly => {}
            }
            if !matches!(self.more().await, Ok(true)) {
                return Heard::Gone;
            }
        }
    }

    async fn hear(&mut self, first: u8, payload: Vec<u8>) -> Option<Heard> {
        match first & 0x0f {
            PING => {
                let _ = self.frame(FIN | PONG, &payload).await;
                None
            }
            PONG => Some(Heard::Pong(payload)),
            CLOSE => {
                let code = payload.first_chunk::<2>().copied().map(u16::from_be_bytes);
                Some(Heard::Closed(code.unwrap_or(1005)))
            }
            _ => {
                self.message.extend(payload);
                if first & FIN == 0 {
                    return None;
                }
                let whole = std::mem::take(&mut self.message);
                Some(match String::from_utf8(whole) {
                    Ok(text) => Heard::Text(text),
                    Err(_) => Heard::Gone,
                })
            }
        }
    }

    /// A frame that is there whole.
    fn take(&mut self) -> Taken {
        let mut bytes = self.buffer.iter().copied();
        let (Some(first), Some(second)) = (bytes.next(), bytes.next()) else {
            return Taken::Partly;
        };
        let more = match second {
            ..126 => 0,
            126 => 2,
            127 => 8,
            // A server masks nothing.
            _ => return Taken::Bad,
        };
        let head = 2 + more;
        if self.buffer.len() < head {
            return Taken::Partly;
        }
        let length = match more {
            0 => usize::from(second),
            _ => bytes.take(more).fold(0_usize, |sum, byte| {
                sum.saturating_mul(256).saturating_add(byte.into())
            }),
        };
        if length > MESSAGE_MAX {
            return Taken::Bad;
        }
        let end = head.saturating_add(length);
        if self.buffer.len() < end {
            return Taken::Partly;
        }
        let payload = self.buffer.get(head..end).unwrap_or_default().to_vec();
        self.buffer.drain(..end);
        Taken::Frame(first, payload)
    }

    async fn more(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }
}

enum Taken {
    Frame(u8, Vec<u8>),
    Partly,
    Bad,
}
