//! The stream between the broker and the client library: what the library could not read is put right on the way.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd},
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use async_rs::{Runtime, Tokio, traits::Reactor, util::RuntimeParts};
use futures_util::{
    Stream,
    io::{AsyncRead, AsyncWrite},
};
use lapin::{
    AsyncTcpStream, Connection, ConnectionProperties,
    tcp::{AMQPUriTcpExt, OwnedTLSConfig},
    uri::AMQPUri,
};

use super::frames::{Frames, Step};

/// Connects through a lenient stream, with TLS where the address says so.
pub(super) async fn connect(
    uri: AMQPUri,
    properties: ConnectionProperties,
) -> lapin::Result<Connection> {
    let tokio = Tokio::current();
    let runtime = Runtime::new(RuntimeParts::new(tokio.clone(), Lenience(tokio.clone())));
    let plain = Runtime::new(tokio);
    let open = async move |uri: AMQPUri, _| {
        let tls = OwnedTLSConfig::default();
        let opened = uri.connect_with_config_async(tls.as_ref(), &plain).await?;
        Ok(AsyncTcpStream::Plain(Lenient::new(opened)))
    };
    Connection::connector(uri, runtime, open, properties).await
}

/// Tokio's reactor, except that its streams are lenient.
#[derive(Debug, Clone)]
struct Lenience(Tokio);

type Opened = AsyncTcpStream<<Tokio as Reactor>::TcpStream>;

impl Reactor for Lenience {
    type TcpStream = Lenient<Opened>;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.0.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(time)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connecting = self.0.tcp_connect_addr(address);
        async move { Ok(Lenient::new(AsyncTcpStream::Plain(connecting.await?))) }
    }
}

/// A stream of frames. What can be read passes without being copied.
struct Lenient<S> {
    inner: S,
    frames: Frames,
    /// The beginning of a frame whose rest has not come. Never more than a frame, and what came with its end.
    held: Vec<u8>,
    /// Put right, and not yet taken from `taken` on.
    ready: Vec<u8>,
    taken: usize,
}

impl<S> Lenient<S> {
    fn new(inner: S) -> Self {
        Self {
            inner,
            frames: Frames::default(),
            held: Vec::new(),
            ready: Vec::new(),
            taken: 0,
        }
    }

    /// How many of the bytes that came, nothing being held, pass as they are. The others are held.
    fn pass(&mut self, came: &[u8]) -> usize {
        let mut passed = 0;
        while let Some(rest) = came.get(passed..).filter(|rest| !rest.is_empty()) {
            match self.frames.step(rest) {
                Step::Pass(size) => passed += size,
                Step::Wait => {
                    self.held.extend(rest);
                    break;
                }
                Step::Replace(size, frame) => {
                    self.ready = frame;
                    self.held.extend(rest.get(size..).unwrap_or_default());
                    break;
                }
            }
        }
        passed
    }

    /// Makes ready what is held, except a frame that is not whole.
    fn sift(&mut self) {
        let mut done = 0;
        while let Some(rest) = self.held.get(done..).filter(|rest| !rest.is_empty()) {
            match self.frames.step(rest) {
                Step::Pass(size) => {
                    self.ready.extend(rest.get(..size).unwrap_or_default());
                    done += size;
                }
                Step::Replace(size, frame) => {
                    self.ready.extend(frame);
                    done += size;
                }
                Step::Wait => break,
            }
        }
        self.held.drain(..done);
    }

    /// Hands out what is ready.
    fn hand_out(&mut self, buffer: &mut [u8]) -> usize {
        let rest = self.ready.get(self.taken..).unwrap_or_default();
        let size = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..size), rest.get(..size)) {
            to.copy_from_slice(from);
        }
        self.taken += size;
        if self.taken == self.ready.len() {
            self.ready = Vec::new();
            self.taken = 0;
        }
        size
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lenient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            if this.ready.is_empty() && !this.held.is_empty() {
                this.sift();
            }
            if !this.ready.is_empty() {
                return Poll::Ready(Ok(this.hand_out(buffer)));
            }
            let size = ready!(Pin::new(&mut this.inner).poll_read(cx, buffer))?;
            let came = buffer.get(..size).unwrap_or_default();
            if came.is_empty() {
                return Poll::Ready(Ok(0));
            }
            if this.held.is_empty() {
                let passed = this.pass(came);
                if passed > 0 {
                    return Poll::Ready(Ok(passed));
                }
            } else {
                this.held.extend(came);
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lenient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, parts)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use amq_protocol::frame::{AMQPFrame, parsing::parse_frame};
    use lapin::types::AMQPValue;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::sockhandler::rabbitmq::frames::{RAW_CORRELATION_HEADER, UNREADABLE_HEADER};

    /// Bytes that come in pieces.
    struct Pieces {
        left: Vec<u8>,
        sizes: Vec<usize>,
        turn: usize,
    }

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let turn = self.turn % self.sizes.len();
            let size = self.sizes[turn].min(buffer.len()).min(self.left.len());
            buffer[..size].copy_from_slice(&self.left[..size]);
            self.left.drain(..size);
            self.turn += 1;
            Poll::Ready(Ok(size))
        }
    }

    fn through(bytes: &[u8], sizes: &[usize], buffer: usize) -> Vec<u8> {
        let mut stream = Lenient::new(Pieces {
            left: bytes.to_vec(),
            sizes: sizes.to_vec(),
            turn: 0,
        });
        let mut buffer = vec![0; buffer];
        let mut all = Vec::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Ok(size)) = Pin::new(&mut stream).poll_read(&mut cx, &mut buffer)
            && size > 0
        {
            all.extend(&buffer[..size]);
        }
        all
    }

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind, 0, 1], &size[..], payload, &[0xce]].concat()
    }

    fn header(flags: u16, properties: &[u8]) -> Vec<u8> {
        let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        payload.extend(flags.to_be_bytes());
        payload.extend(properties);
        frame(2, &payload)
    }

    fn short(text: &[u8]) -> Vec<u8> {
        [&[u8::try_from(text.len()).unwrap()], text].concat()
    }

    fn long(bytes: &[u8]) -> Vec<u8> {
        [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    }

    fn entry(name: &[u8], kind: u8, value: &[u8]) -> Vec<u8> {
        [&short(name), &[kind][..], value].concat()
    }

    fn delivery(exchange: &[u8], routing_key: &[u8]) -> Vec<u8> {
        let mut payload = vec![0, 60, 0, 60];
        payload.extend(short(b"tag"));
        payload.extend([0; 9]);
        payload.extend(short(exchange));
        payload.extend(short(routing_key));
        frame(1, &payload)
    }

    /// Everything that the client library reads of some bytes; nothing when it would end the connection.
    fn read(mut bytes: &[u8]) -> Option<Vec<AMQPFrame>> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let (rest, frame) = parse_frame(bytes).ok()?;
            frames.push(frame);
            bytes = rest;
        }
        Some(frames)
    }

    /// What the one message in `bytes` tells of what could not be read, and its raw correlation id.
    fn told(bytes: &[u8]) -> (String, Option<Vec<u8>>) {
        let frames = read(&through(bytes, &[bytes.len()], 1 << 16)).expect("readable");
        let Some(AMQPFrame::Header(_, header)) = frames.first() else {
            panic!("{frames:?}");
        };
        let text = |name: &str| {
            let headers = header.properties.headers().as_ref()?;
            match headers.inner().get(name)? {
                AMQPValue::LongString(text) => Some(text.as_bytes().to_vec()),
                _ => None,
            }
        };
        let names = text(UNREADABLE_HEADER).unwrap_or_default();
        (
            String::from_utf8(names).unwrap(),
            text(RAW_CORRELATION_HEADER),
        )
    }

    #[rstest]
    #[case(15, "content_type")]
    #[case(14, "content_encoding")]
    #[case(10, "correlation_id")]
    #[case(9, "reply_to")]
    #[case(8, "expiration")]
    #[case(7, "message_id")]
    #[case(5, "type")]
    #[case(4, "user_id")]
    #[case(3, "app_id")]
    #[case(2, "cluster_id")]
    fn a_text_that_is_none_is_named(#[case] flag: u16, #[case] name: &str) {
        for bad in [&b"\xff\x80raw"[..], b"\xc3", b"ok\xed\xa0\x80"] {
            let (names, id) = told(&header(1 << flag, &short(bad)));
            assert_eq!(names, name);
            assert_eq!(id.is_some(), name == "correlation_id");
            assert!(id.is_none_or(|id| id == bad));
        }
        assert_eq!(told(&header(1 << flag, &short("ok é".as_bytes()))).0, "");
    }

    #[rstest]
    #[case::a_name_that_is_no_text(entry(b"\xff", b't', &[1]))]
    #[case::a_kind_that_is_not_known(entry(b"a", b'q', &[1]))]
    #[case::a_value_past_the_end(entry(b"a", b'S', &[0, 0, 1, 0]))]
    #[case::a_name_past_the_end(vec![9, b'a'])]
    #[case::a_name_in_a_table(entry(b"a", b'F', &long(&entry(b"\xfe", b'V', &[]))))]
    #[case::a_kind_in_an_array(entry(b"a", b'A', &long(b"z")))]
    #[case::a_table_longer_than_its_parent(entry(b"a", b'F', &[0, 0, 0, 9, 1, b'b', b'V']))]
    #[case::a_number_cut_short(entry(b"a", b'l', &[1, 2]))]
    fn headers_that_are_none_are_named_and_the_others_kept(#[case] bad: Vec<u8>) {
        let table = [entry(b"x-deadline", b'l', &[0; 8]), bad].concat();
        let flags = 1 << 13 | 1 << 9;
        let bytes = header(flags, &[long(&table), short(b"me")].concat());
        assert_eq!(told(&bytes).0, "headers");
        let frames = read(&through(&bytes, &[7], 5)).unwrap();
        let Some(AMQPFrame::Header(_, header)) = frames.first() else {
            panic!("{frames:?}");
        };
        let headers = header.properties.headers().as_ref().unwrap();
        assert!(headers.inner().contains_key("x-deadline"));
        let reply_to = header.properties.reply_to().as_ref().unwrap();
        assert_eq!(reply_to.as_str(), "me");
    }

    #[test]
    fn what_is_left_over_is_named() {
        assert_eq!(told(&header(1 << 9, b"\x02meand more")).0, "properties");
        assert_eq!(told(&header(1 << 7 | 1 << 5, b"\x02id\x09cut")).0, "type");
    }

    #[test]
    fn a_routing_key_that_is_no_text_is_read() {
        let frames = read(&through(&delivery(b"\xffx", b"a.\xfe\xfd"), &[3], 64)).unwrap();
        let text = format!("{frames:?}");
        assert!(text.contains("?x") && text.contains("a.??"), "{text}");
    }

    #[test]
    fn what_is_no_frame_passes() {
        let foreign = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        assert_eq!(through(foreign, &[4], 9), foreign);
    }

    fn some_text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            "[a-z]{0,9}".prop_map(String::into_bytes),
            any::<[u8; 3]>().prop_map(Vec::from)
        ]
    }

    /// A table's entry: mostly right.
    fn some_entry() -> impl Strategy<Value = Vec<u8>> {
        let kind = prop::sample::select(b"tbBsUuIifLldTDSxVFAq".to_vec());
        let value = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..9),
            some_text().prop_map(|text| long(&text)),
            some_text().prop_map(|name| long(&entry(&name, b't', &[1]))),
        ];
        (some_text(), kind, value).prop_map(|(name, kind, value)| entry(&name, kind, &value))
    }

    fn some_header() -> impl Strategy<Value = Vec<u8>> {
        let right = (
            any::<u16>(),
            prop::collection::vec(some_text(), 10),
            prop::collection::vec(some_entry(), 0..4),
        );
        let right = right.prop_map(|(flags, texts, entries)| {
            let mut texts = texts.into_iter();
            let mut properties = Vec::new();
            for bit in (2..16).rev().filter(|bit| flags & (1 << bit) != 0) {
                properties.extend(match bit {
                    13 => long(&entries.concat()),
                    12 | 11 => vec![1],
                    6 => vec![0; 8],
                    _ => short(&texts.next().unwrap()),
                });
            }
            header(flags & !1, &properties)
        });
        let wild = (any::<u16>(), prop::collection::vec(any::<u8>(), 0..60));
        prop_oneof![4 => right, 1 => wild.prop_map(|(flags, bytes)| header(flags, &bytes))]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// What the client library reads stays as it is; what it does not read, it reads afterwards.
        #[test]
        fn whatever_comes_is_read(
            messages in prop::collection::vec((some_text(), some_header(), prop::collection::vec(any::<u8>(), 0..40)), 1..4),
            sizes in prop::collection::vec(1_usize..50, 1..5),
            buffer in 1_usize..80,
        ) {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for (key, header, body) in &messages {
                for part in [&delivery(b"x", key), header, &frame(3, body), &frame(8, b"")] {
                    bytes.extend(part);
                    expected.push(read(part).is_some().then(|| part.clone()));
                }
            }
            let after = through(&bytes, &sizes, buffer);
            let mut rest = &after[..];
            for expected in expected {
                let (left, _) = parse_frame(rest).expect("readable");
                let frame = &rest[..rest.len() - left.len()];
                if let Some(expected) = expected {
                    prop_assert_eq!(frame, &expected[..]);
                }
                rest = left;
            }
            prop_assert!(rest.is_empty());
        }
    }
}
