//! The bytes of a connection: heads are looked at before they are parsed, and a caller that stops reading is seen.
//!
//! The parser takes a bare line feed for the end of a line, other programs do not: what one of them takes for a
//! header of one request may be another request to the next. So such a head is refused.
//!
//! A connection that ends while its caller still sends is read for a moment longer. A socket that is closed with
//! unread bytes resets the connection (RFC 1122 4.2.2.13), and the caller may lose the answer that it was sent.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::seat::Seat;

/// How long a caller that still sends is listened to after its answer.
const LINGER_MAX: Duration = Duration::from_secs(2);
/// How many bytes of it are read, and dropped.
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes of a body, and then the next head.
    Length(u64),
    /// A body whose end the parser finds; nothing may follow it.
    Unknown,
}

/// Follows the heads on a connection.
#[derive(Debug, Default)]
pub(super) struct Intake {
    part: Part,
    is_loose: bool,
}

#[derive(Debug)]
enum Part {
    Head {
        /// Something of the request line was there.
        has_begun: bool,
        /// Nothing of the current line but perhaps its carriage return was there.
        line_is_empty: bool,
        after_return: bool,
    },
    Body(u64),
    /// A whole head was passed on, or a body without a length: the parser knows what is next.
    Open,
}

impl Default for Part {
    fn default() -> Self {
        Self::Head {
            has_begun: false,
            line_is_empty: true,
            after_return: false,
        }
    }
}

impl Intake {
    /// How many of `bytes` are of this head, or of this body.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        match &mut self.part {
            Part::Open => bytes.len(),
            Part::Body(left) => {
                let count = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                *left = left.saturating_sub(count as u64);
                if *left == 0 {
                    self.part = Part::default();
                }
                count
            }
            Part::Head { .. } => self.take_head(bytes),
        }
    }

    fn take_head(&mut self, bytes: &[u8]) -> usize {
        let Part::Head {
            has_begun,
            line_is_empty,
            after_return,
        } = &mut self.part
        else {
            return bytes.len();
        };
        for (position, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => {
                    self.is_loose |= !*after_return;
                    if *line_is_empty && *has_begun {
                        self.part = Part::Open;
                        return position + 1;
                    }
                    (*line_is_empty, *after_return) = (true, false);
                }
                b'\r' => *after_return = true,
                _ => (*has_begun, *line_is_empty, *after_return) = (true, false, false),
            }
        }
        bytes.len()
    }

    /// Whether everything that was begun was read to its end, as far as that can be told here.
    pub(super) fn is_at_rest(&self) -> bool {
        matches!(
            self.part,
            Part::Head {
                has_begun: false,
                ..
            }
        )
    }

    /// The parser has the head; tells whether it had bare line feeds.
    pub(super) fn begin(&mut self, framing: Framing) -> bool {
        self.part = match framing {
            Framing::Length(0) => Part::default(),
            Framing::Length(bytes) => Part::Body(bytes),
            Framing::Unknown => Part::Open,
        };
        std::mem::take(&mut self.is_loose)
    }
}

/// A connection whose seat learns what happens on it.
pub(super) struct Wire {
    stream: TcpStream,
    seat: Arc<Seat>,
    /// What came with the part before it.
    ahead: Vec<u8>,
    is_stalled: bool,
    /// Set once the answer is out and the caller may still send.
    linger: Option<Linger>,
}

struct Linger {
    until: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl Linger {
    /// Reads and drops what still comes: ready at its end, or at the end of our patience.
    fn poll(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 16 * 1024];
        loop {
            if self.bytes_left == 0 || self.until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut fresh = ReadBuf::new(&mut scratch);
            let read = std::task::ready!(Pin::new(&mut *stream).poll_read(cx, &mut fresh));
            if read.is_err() || fresh.filled().is_empty() {
                return Poll::Ready(());
            }
            self.bytes_left = self.bytes_left.saturating_sub(fresh.filled().len());
        }
    }
}

impl Wire {
    pub(super) fn new(stream: TcpStream, seat: Arc<Seat>) -> Self {
        Self {
            stream,
            seat,
            ahead: Vec::new(),
            is_stalled: false,
            linger: None,
        }
    }

    /// Notes whether a write went on.
    fn noted<T>(&mut self, written: Poll<T>) -> Poll<T> {
        if self.is_stalled != written.is_pending() {
            self.is_stalled = written.is_pending();
            self.seat.stalls(self.is_stalled);
        }
        written
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            let mut fresh = ReadBuf::new(buffer.initialize_unfilled());
            std::task::ready!(Pin::new(&mut this.stream).poll_read(cx, &mut fresh))?;
            let bytes = fresh.filled();
            let taken = this.seat.take_in(bytes);
            this.ahead.extend(bytes.iter().skip(taken));
            buffer.advance(taken);
        } else {
            let room = this.ahead.len().min(buffer.remaining());
            let bytes = this.ahead.get(..room).unwrap_or_default();
            let taken = this.seat.take_in(bytes);
            buffer.put_slice(bytes.get(..taken).unwrap_or_default());
            this.ahead.drain(..taken);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.noted(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            std::task::ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if this.seat.is_at_rest() {
                return Poll::Ready(Ok(()));
            }
        }
        let linger = this.linger.get_or_insert_with(|| Linger {
            until: Box::pin(sleep(LINGER_MAX)),
            bytes_left: LINGER_BYTES,
        });
        linger.poll(&mut this.stream, cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HEAD: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    #[rstest]
    #[case::strict(HEAD, HEAD.len(), false)]
    #[case::empty_lines_before("\r\n\r\nGET / HTTP/1.1\r\n\r\n", 22, false)]
    #[case::request_line("GET / HTTP/1.1\nhost: a\r\n\r\n", 26, true)]
    #[case::header("GET / HTTP/1.1\r\nhost: a\n\r\n", 26, true)]
    #[case::end("GET / HTTP/1.1\r\nhost: a\r\n\n", 26, true)]
    #[case::all("GET / HTTP/1.1\n\n", 16, true)]
    #[case::before("\nGET / HTTP/1.1\r\n\r\n", 19, true)]
    #[case::unfinished("GET / HTTP/1.1\r\nhost", 20, false)]
    fn a_head_is_followed_to_its_end(
        #[case] head: &str,
        #[case] length: usize,
        #[case] is_loose: bool,
    ) {
        for piece in [1, 2, 7, 100] {
            let (mut intake, mut taken) = (Intake::default(), 0);
            let bytes = format!("{head}rest");
            let whole = length == head.len() && !head.ends_with("host");
            for part in bytes.as_bytes().chunks(piece) {
                let here = intake.take(part);
                taken += here;
                if here < part.len() || (whole && taken == length) {
                    break;
                }
            }
            if whole {
                assert_eq!(taken, length, "{piece}");
            }
            assert_eq!(intake.begin(Framing::Length(0)), is_loose, "{piece}");
        }
    }

    #[test]
    fn the_next_head_is_followed_too_whatever_body_stands_between() {
        let mut intake = Intake::default();
        assert_eq!(intake.take(HEAD.as_bytes()), HEAD.len());
        assert!(!intake.begin(Framing::Length(4)));
        let rest = format!("{}GET / HTTP/1.1\n\n", "a\nb\n");
        let body = intake.take(rest.as_bytes());
        assert_eq!(body, 4);
        assert_eq!(intake.take(&rest.as_bytes()[body..]), 16);
        assert!(intake.begin(Framing::Length(0)), "it has bare line feeds");
        assert_eq!(intake.take(HEAD.as_bytes()), HEAD.len());
        assert!(!intake.begin(Framing::Unknown), "and it was told once");
        assert_eq!(intake.take(b"4\n\n\n"), 4);
    }
}
