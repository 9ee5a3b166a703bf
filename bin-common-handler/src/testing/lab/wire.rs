//! AMQP by hand, for messages that no library would send.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use lapin::uri::AMQPUri;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
/// Largest frame that is agreed upon, in bytes.
const FRAME_MAX: u32 = 131_072;
/// How long the broker may take for what was published.
const FINISH_MAX: Duration = Duration::from_secs(5);
/// A body's part: a frame has 8 bytes of its own.
const BODY_PART: usize = 131_064;

/// The properties of a message, each by its flag; written as they are, whether they make sense or not.
#[derive(Debug, Default, Clone)]
pub struct Properties(BTreeMap<Reverse<u8>, Vec<u8>>);

/// The flags of a content header, by their bit.
#[expect(missing_docs, reason = "each is named like its property")]
pub mod flag {
    pub const CONTENT_TYPE: u8 = 15;
    pub const CONTENT_ENCODING: u8 = 14;
    pub const HEADERS: u8 = 13;
    pub const DELIVERY_MODE: u8 = 12;
    pub const PRIORITY: u8 = 11;
    pub const CORRELATION_ID: u8 = 10;
    pub const REPLY_TO: u8 = 9;
    pub const MESSAGE_ID: u8 = 7;
    pub const TIMESTAMP: u8 = 6;
    pub const TYPE: u8 = 5;
    pub const APP_ID: u8 = 3;
    pub const CLUSTER_ID: u8 = 2;
}

impl Properties {
    /// With a property's bytes as they are.
    #[must_use]
    pub fn raw(mut self, flag: u8, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(Reverse(flag), bytes.into());
        self
    }

    /// With a text of at most 255 bytes.
    #[must_use]
    pub fn text(self, flag: u8, text: impl AsRef<[u8]>) -> Self {
        let mut bytes = Vec::new();
        short(&mut bytes, text.as_ref());
        self.raw(flag, bytes)
    }

    /// With headers: the entries of a table, one after the other.
    #[must_use]
    pub fn headers(self, entries: &[u8]) -> Self {
        let mut bytes = Vec::new();
        long(&mut bytes, entries);
        self.raw(flag::HEADERS, bytes)
    }

    fn flags(&self) -> u16 {
        self.0.keys().fold(0, |flags, bit| flags | 1 << bit.0)
    }
}

/// One entry of a table: its name, the letter of its type, its value.
pub fn entry(name: &[u8], kind: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + value.len() + 2);
    short(&mut bytes, name);
    bytes.push(kind);
    bytes.extend(value);
    bytes
}

/// Bytes with their length before them.
pub fn counted(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes.len() + 4);
    long(&mut all, bytes);
    all
}

/// A connection with one channel.
pub struct Wire {
    stream: TcpStream,
}

impl Wire {
    /// Connects to a broker and opens channel 1.
    pub async fn open(address: &str) -> Self {
        let uri: AMQPUri = address.parse().expect("an address");
        let authority = uri.authority;
        let stream = TcpStream::connect((authority.host.as_str(), authority.port)).await;
        let mut wire = Self {
            stream: stream.expect("the broker accepts"),
        };
        wire.stream
            .write_all(b"AMQP\x00\x00\x09\x01")
            .await
            .expect("the broker reads");
        wire.read().await;
        let mut start_ok = method(10, 11);
        start_ok.extend(0_u32.to_be_bytes());
        short(&mut start_ok, b"PLAIN");
        let account = authority.userinfo;
        let secret = format!("\0{}\0{}", account.username, account.password);
        long(&mut start_ok, secret.as_bytes());
        short(&mut start_ok, b"en_US");
        wire.send(METHOD, 0, &start_ok).await;
        wire.read().await;
        let mut tune_ok = method(10, 31);
        tune_ok.extend(2047_u16.to_be_bytes());
        tune_ok.extend(FRAME_MAX.to_be_bytes());
        tune_ok.extend(0_u16.to_be_bytes());
        wire.send(METHOD, 0, &tune_ok).await;
        let mut open = method(10, 40);
        short(&mut open, uri.vhost.as_bytes());
        open.extend([0, 0]);
        wire.send(METHOD, 0, &open).await;
        wire.read().await;
        let mut channel = method(20, 10);
        channel.push(0);
        wire.send(METHOD, 1, &channel).await;
        wire.read().await;
        wire
    }

    /// Publishes to a queue.
    pub async fn publish(&mut self, queue: &str, properties: &Properties, body: &[u8]) {
        self.publish_through("", queue.as_bytes(), properties, body)
            .await;
    }

    /// Publishes to an exchange.
    pub async fn publish_through(
        &mut self,
        exchange: &str,
        routing_key: &[u8],
        properties: &Properties,
        body: &[u8],
    ) {
        let mut publish = method(60, 40);
        publish.extend([0, 0]);
        short(&mut publish, exchange.as_bytes());
        short(&mut publish, routing_key);
        publish.push(0);
        self.send(METHOD, 1, &publish).await;
        let mut header = [60_u16.to_be_bytes(), 0_u16.to_be_bytes()].concat();
        header.extend((body.len() as u64).to_be_bytes());
        header.extend(properties.flags().to_be_bytes());
        properties.0.values().for_each(|value| header.extend(value));
        self.send(HEADER, 1, &header).await;
        for part in body.chunks(BODY_PART) {
            self.send(BODY, 1, part).await;
        }
    }

    /// Closes the channel and waits until the broker has done so: it has taken all that was published before. A
    /// connection that only ends may take with it what the broker has not come to.
    pub async fn finish(mut self) {
        let mut close = method(20, 40);
        close.extend(200_u16.to_be_bytes());
        short(&mut close, b"");
        close.extend([0; 4]);
        self.send(METHOD, 1, &close).await;
        // An alarm of the broker's holds it up; then nothing is lost either.
        let _ = tokio::time::timeout(FINISH_MAX, self.read()).await;
    }

    async fn send(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        let mut frame = vec![kind];
        frame.extend(channel.to_be_bytes());
        long(&mut frame, payload);
        frame.push(0xce);
        self.stream
            .write_all(&frame)
            .await
            .expect("the broker reads");
    }

    async fn read(&mut self) {
        let mut head = [0; 7];
        self.stream.read_exact(&mut head).await.expect("a frame");
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut rest = vec![0; size as usize + 1];
        self.stream.read_exact(&mut rest).await.expect("a frame");
    }
}

fn method(class: u16, id: u16) -> Vec<u8> {
    [class.to_be_bytes(), id.to_be_bytes()].concat()
}

fn short(to: &mut Vec<u8>, text: &[u8]) {
    to.push(u8::try_from(text.len()).expect("a short string"));
    to.extend(text);
}

fn long(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u32::try_from(bytes.len()).expect("a frame").to_be_bytes());
    to.extend(bytes);
}
