//! AMQP by hand, for messages that no library would send.

use bin_common_handler::testing::lab::Node;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
/// Property flags of a content header.
const HEADERS_FLAG: u16 = 1 << 13;
const MESSAGE_ID_FLAG: u16 = 1 << 7;

/// A connection with one channel.
pub struct Wire {
    stream: TcpStream,
    queue: String,
}

impl Wire {
    /// Connects to a broker and opens channel 1, to publish to `queue`.
    pub async fn open(broker: &Node, queue: String) -> Self {
        let mut wire = Self {
            stream: TcpStream::connect(("127.0.0.1", broker.port))
                .await
                .unwrap(),
            queue,
        };
        wire.stream
            .write_all(b"AMQP\x00\x00\x09\x01")
            .await
            .unwrap();
        wire.read().await;
        let mut start_ok = method(10, 11);
        start_ok.extend(0_u32.to_be_bytes());
        short(&mut start_ok, b"PLAIN");
        long(&mut start_ok, b"\x00guest\x00guest");
        short(&mut start_ok, b"en_US");
        wire.send(METHOD, 0, &start_ok).await;
        wire.read().await;
        let mut tune_ok = method(10, 31);
        tune_ok.extend(2047_u16.to_be_bytes());
        tune_ok.extend(131_072_u32.to_be_bytes());
        tune_ok.extend(0_u16.to_be_bytes());
        wire.send(METHOD, 0, &tune_ok).await;
        let mut open = method(10, 40);
        short(&mut open, b"/");
        open.extend([0, 0]);
        wire.send(METHOD, 0, &open).await;
        wire.read().await;
        let mut channel = method(20, 10);
        channel.push(0);
        wire.send(METHOD, 1, &channel).await;
        wire.read().await;
        wire
    }

    /// Publishes to the daemon's request queue with a message id that is no text.
    pub async fn publish_bad_text(&mut self, body: &[u8]) {
        let mut properties = Vec::new();
        short(&mut properties, b"\xff\xfe");
        self.publish(MESSAGE_ID_FLAG, &properties, body).await;
    }

    /// Publishes with a header that holds a table that holds a table …
    pub async fn publish_deep_header(&mut self, depth: usize, body: &[u8]) {
        let mut table = Vec::new();
        for _ in 0..depth {
            let mut outer = Vec::with_capacity(table.len() + 6);
            short(&mut outer, b"");
            outer.push(b'F');
            long(&mut outer, &table);
            table = outer;
        }
        let mut properties = Vec::new();
        long(&mut properties, &table);
        self.publish(HEADERS_FLAG, &properties, body).await;
    }

    async fn publish(&mut self, flags: u16, properties: &[u8], body: &[u8]) {
        let mut publish = method(60, 40);
        publish.extend([0, 0]);
        short(&mut publish, b"");
        short(&mut publish, self.queue.as_bytes());
        publish.push(0);
        self.send(METHOD, 1, &publish).await;
        let mut header = [60_u16.to_be_bytes(), 0_u16.to_be_bytes()].concat();
        header.extend((body.len() as u64).to_be_bytes());
        header.extend(flags.to_be_bytes());
        header.extend(properties);
        self.send(HEADER, 1, &header).await;
        self.send(BODY, 1, body).await;
    }

    async fn send(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        let mut frame = vec![kind];
        frame.extend(channel.to_be_bytes());
        long(&mut frame, payload);
        frame.push(0xce);
        self.stream.write_all(&frame).await.unwrap();
    }

    async fn read(&mut self) {
        let mut head = [0; 7];
        self.stream.read_exact(&mut head).await.unwrap();
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut rest = vec![0; size as usize + 1];
        self.stream.read_exact(&mut rest).await.unwrap();
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
