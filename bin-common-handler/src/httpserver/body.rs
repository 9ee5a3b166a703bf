//! Bodies on their way: a request's must keep coming, and an answer is over when the last of it was taken.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::{options::Upload, seat::Busy};

/// A body that comes too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the body comes too slowly")]
pub struct SlowUpload;

/// A request's body that is given up when it comes too slowly. Only the time that it is waited for counts.
pub(super) struct Paced<B> {
    body: B,
    pace: Upload,
    wait: Option<Wait>,
    /// In the span under way.
    waited: Duration,
    bytes: usize,
}

struct Wait {
    since: Instant,
    end: Pin<Box<Sleep>>,
}

impl<B> Paced<B> {
    pub(super) fn new(body: B, pace: Upload) -> Self {
        Self {
            body,
            pace,
            wait: None,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Ready when the span under way ended while nothing came.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.pace.span.saturating_sub(self.waited);
        let wait = self.wait.get_or_insert_with(|| Wait {
            since: Instant::now(),
            end: Box::pin(sleep(left)),
        });
        wait.end.as_mut().poll(cx)
    }

    /// Adds up what was waited and what came; an error at the end of a span that brought too little.
    fn add(&mut self, bytes: usize) -> Result<(), SlowUpload> {
        if let Some(wait) = self.wait.take() {
            self.waited = self.waited.saturating_add(wait.since.elapsed());
        }
        self.bytes = self.bytes.saturating_add(bytes);
        if self.waited < self.pace.span {
            return Ok(());
        }
        let came = std::mem::take(&mut self.bytes);
        self.waited = Duration::ZERO;
        if came < self.pace.bytes_min {
            return Err(SlowUpload);
        }
        Ok(())
    }
}

impl<B> HttpBody for Paced<B>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
                let Some(frame) = frame.transpose().map_err(Into::into)? else {
                    return Poll::Ready(None);
                };
                this.add(frame.data_ref().map_or(0, Bytes::len))?;
                return Poll::Ready(Some(Ok(frame)));
            }
            std::task::ready!(this.poll_end(cx));
            this.add(0)?;
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body; while it is on its way, its request is under way.
pub(super) struct Held {
    body: Body,
    _busy: Busy,
}

impl Held {
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::*;

    const PACE: Upload = Upload {
        span: Duration::from_secs(10),
        bytes_min: 100,
    };

    /// Chunks of so many bytes, each after so many seconds.
    fn body(chunks: Vec<(u64, usize)>) -> Paced<Body> {
        let chunks = stream::unfold(chunks.into_iter(), |mut chunks| async move {
            let (seconds, bytes) = chunks.next()?;
            sleep(Duration::from_secs(seconds)).await;
            Some((Ok::<_, BoxError>(vec![b' '; bytes]), chunks))
        });
        Paced::new(Body::from_stream(chunks), PACE)
    }

    async fn read(chunks: Vec<(u64, usize)>) -> Option<usize> {
        let read = body(chunks).collect().await;
        read.ok().map(|whole| whole.to_bytes().len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_be_small_or_slow_and_not_both_for_long() {
        assert_eq!(read(vec![(0, 2)]).await, Some(2));
        assert_eq!(read(vec![(9, 2)]).await, Some(2));
        assert_eq!(read(vec![(11, 200)]).await, None);
        assert_eq!(read(vec![(5, 60), (4, 60), (4, 60)]).await, Some(180));
        assert_eq!(read(vec![(5, 40), (4, 40), (4, 40)]).await, None);
        assert_eq!(read(vec![(1, 1); 50]).await, None);
        assert_eq!(read(vec![(1, 11); 50]).await, Some(550));
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_nobody_waited_for_it_does_not_count() {
        let mut body = body(vec![(1, 1); 8]);
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().into_data().unwrap().len();
            sleep(Duration::from_secs(60)).await;
        }
        assert_eq!(bytes, 8);
    }
}
