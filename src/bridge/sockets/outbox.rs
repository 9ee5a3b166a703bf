//! What waits to be sent to one socket: bounded in bytes, filled by the hub, emptied by the session.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

/// Bytes that may wait; a socket that falls further behind is closed.
pub(super) const BYTES_MAX: usize = 256 * 1024;

/// Frames of one socket, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    has_overflowed: AtomicBool,
    overflowed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Utf8Bytes>,
    bytes: usize,
}

impl Outbox {
    /// Adds a frame. One that does not fit ends the socket: a client that missed one would not know.
    pub(super) fn push(&self, frame: &Utf8Bytes) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = waiting.bytes.saturating_add(frame.len());
        if bytes > BYTES_MAX || self.has_overflowed.load(Ordering::Relaxed) {
            self.has_overflowed.store(true, Ordering::Relaxed);
            self.overflowed.notify_one();
            return;
        }
        waiting.bytes = bytes;
        waiting.frames.push_back(frame.clone());
        drop(waiting);
        self.filled.notify_one();
    }

    /// The next frame, once there is one.
    pub(super) async fn next(&self) -> Utf8Bytes {
        loop {
            if let Some(frame) = self.take() {
                return frame;
            }
            self.filled.notified().await;
        }
    }

    /// All frames that wait.
    pub(super) fn drain(&self) -> Vec<Utf8Bytes> {
        std::iter::from_fn(|| self.take()).collect()
    }

    /// Ends when a frame did not fit.
    pub(super) async fn overflowed(&self) {
        self.overflowed.notified().await;
    }

    fn take(&self) -> Option<Utf8Bytes> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let frame = waiting.frames.pop_front()?;
        waiting.bytes = waiting.bytes.saturating_sub(frame.len());
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn frames_come_in_order_and_the_one_that_does_not_fit_ends_it() {
        let outbox = Outbox::default();
        let half = Utf8Bytes::from("x".repeat(BYTES_MAX / 2));
        outbox.push(&Utf8Bytes::from_static("first"));
        outbox.push(&half);
        assert_eq!(outbox.next().await.as_str(), "first");
        assert!(outbox.overflowed().now_or_never().is_none());
        outbox.push(&half);
        assert!(outbox.overflowed().now_or_never().is_none(), "it just fits");
        outbox.push(&Utf8Bytes::from_static("y"));
        assert!(outbox.overflowed().now_or_never().is_some());
    }
}
