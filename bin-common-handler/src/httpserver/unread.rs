//! What nobody reads of a request's body, e.g. as its caller may not do what it asks: it is read and dropped, so that the
//! connection can carry the next request. The server would close the connection otherwise, and a caller that was not told
//! meets that with its next request.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::HttpBody;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;

/// A longer rest is not read, in bytes.
const REST_MAX: u64 = 64 * 1024;
/// A rest is not waited for longer.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// A body that leaves what was not read of it.
pub(super) struct Lent<B: HttpBody + Unpin> {
    body: Option<B>,
    was_polled: bool,
    rest: Arc<Mutex<Option<Rest<B>>>>,
}

struct Rest<B> {
    body: B,
    was_polled: bool,
}

/// Where a body leaves what was not read of it.
pub(super) struct Unread<B>(Arc<Mutex<Option<Rest<B>>>>);

/// A body, and what will be left of it.
pub(super) fn lend<B: HttpBody + Unpin>(body: B) -> (Lent<B>, Unread<B>) {
    let rest = Arc::new(Mutex::new(None));
    let lent = Lent {
        body: Some(body),
        was_polled: false,
        rest: Arc::clone(&rest),
    };
    (lent, Unread(rest))
}

impl<B: HttpBody + Unpin> Unread<B> {
    /// Reads the rest and drops it. False when it does not come soon: nothing can follow it. A caller that waits to be
    /// called for its body, and was not, may never send one.
    pub(super) async fn drain(self, waits_for_call: bool) -> bool {
        let rest = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // It was read to its end, or somebody has it still.
        let Some(Rest { body, was_polled }) = rest else {
            return true;
        };
        if waits_for_call && !was_polled {
            return false;
        }
        let is_short = body
            .size_hint()
            .exact()
            .is_some_and(|rest| rest <= REST_MAX);
        is_short && timeout(WAIT_MAX, run_out(body)).await.unwrap_or(false)
    }
}

async fn run_out<B: HttpBody + Unpin>(mut body: B) -> bool {
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    true
}

impl<B: HttpBody + Unpin> HttpBody for Lent<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.get_mut();
        this.was_polled = true;
        match &mut this.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.as_ref().map(HttpBody::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl<B: HttpBody + Unpin> Drop for Lent<B> {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        if body.is_end_stream() {
            return;
        }
        let rest = Rest {
            body,
            was_polled: self.was_polled,
        };
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(rest);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Bytes;
    use rstest::rstest;

    use super::*;

    /// A body of so many bytes, of which so many come.
    struct Coming {
        length: u64,
        comes: u64,
    }

    impl HttpBody for Coming {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let this = self.get_mut();
            if this.length == 0 {
                return Poll::Ready(None);
            }
            if this.comes == 0 {
                return Poll::Pending;
            }
            this.length -= 1;
            this.comes -= 1;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
        }

        fn is_end_stream(&self) -> bool {
            self.length == 0
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.length)
        }
    }

    #[rstest]
    #[case::read_whole(3, 3, 3, false, true)]
    #[case::read_in_part(3, 3, 1, false, true)]
    #[case::not_read(3, 3, 0, false, true)]
    #[case::never_comes(3, 1, 1, false, false)]
    #[case::not_called_for(3, 3, 0, true, false)]
    #[case::called_for(3, 3, 1, true, true)]
    #[case::long(REST_MAX + 1, REST_MAX + 1, 0, false, false)]
    #[case::almost_too_long(REST_MAX, REST_MAX, 0, false, true)]
    #[tokio::test(start_paused = true)]
    async fn a_rest_is_read_unless_it_is_long_or_does_not_come(
        #[case] length: u64,
        #[case] comes: u64,
        #[case] read: u64,
        #[case] waits_for_call: bool,
        #[case] expected: bool,
    ) {
        let (mut lent, unread) = lend(Coming { length, comes });
        for _ in 0..read {
            lent.frame().await.unwrap().unwrap();
        }
        drop(lent);
        assert_eq!(unread.drain(waits_for_call).await, expected);
    }

    #[tokio::test]
    async fn who_still_reads_is_left_alone() {
        let body = Coming {
            length: 1,
            comes: 0,
        };
        let (lent, unread) = lend(body);
        assert!(unread.drain(false).await);
        assert_eq!(lent.size_hint().exact(), Some(1));
    }
}
