//! What waits to be sent to one socket: bounded in bytes, filled by the hub, emptied by the session.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

/// Bytes that may wait; a socket that falls further behind is closed, or fetches what it was not told.
pub(super) const BYTES_MAX: usize = 256 * 1024;
/// With more it is crowded.
const BYTES_CROWDED: usize = BYTES_MAX / 2;

/// Frames of one socket, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    emptied: Notify,
    overflowed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Utf8Bytes>,
    bytes: usize,
    has_overflowed: bool,
    /// It was waited for in vain, and is not again until it is no longer crowded.
    is_given_up: bool,
}

impl Waiting {
    const fn is_crowded(&self) -> bool {
        self.bytes > BYTES_CROWDED
    }
}

impl Outbox {
    /// Adds a frame. One that does not fit ends the socket: a client that missed one would not know. True where whoever
    /// fills it should let it be emptied first.
    pub(super) fn push(&self, frame: &Utf8Bytes) -> bool {
        if self.offer(frame) {
            let waiting = self.waiting();
            return waiting.is_crowded() && !waiting.is_given_up;
        }
        self.waiting().has_overflowed = true;
        self.overflowed.notify_one();
        false
    }

    /// Adds a frame, where it fits.
    pub(super) fn offer(&self, frame: &Utf8Bytes) -> bool {
        let mut waiting = self.waiting();
        let bytes = waiting.bytes.saturating_add(frame.len());
        if bytes > BYTES_MAX || waiting.has_overflowed {
            return false;
        }
        waiting.bytes = bytes;
        waiting.frames.push_back(frame.clone());
        drop(waiting);
        self.filled.notify_one();
        true
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

    /// The next frame, where there is one.
    pub(super) fn take(&self) -> Option<Utf8Bytes> {
        let mut waiting = self.waiting();
        let frame = waiting.frames.pop_front()?;
        let was_crowded = waiting.is_crowded();
        waiting.bytes = waiting.bytes.saturating_sub(frame.len());
        if was_crowded && !waiting.is_crowded() {
            waiting.is_given_up = false;
            self.emptied.notify_one();
        }
        Some(frame)
    }

    /// Ends when it is not crowded any more.
    pub(super) async fn eased(&self) {
        while self.waiting().is_crowded() {
            self.emptied.notified().await;
        }
    }

    /// Nobody waits for it, if it is crowded still.
    pub(super) fn give_up(&self) {
        let mut waiting = self.waiting();
        waiting.is_given_up = waiting.is_crowded();
    }

    /// Ends when a frame did not fit.
    pub(super) async fn overflowed(&self) {
        self.overflowed.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!(!outbox.offer(&Utf8Bytes::from_static("y")), "it may wait");
        assert!(outbox.overflowed().now_or_never().is_none());
        outbox.push(&Utf8Bytes::from_static("y"));
        assert!(outbox.overflowed().now_or_never().is_some());
        outbox.next().await;
        assert!(!outbox.offer(&half), "what was missed is missed");
    }

    #[tokio::test]
    async fn a_crowded_one_is_waited_for_once() {
        let outbox = Outbox::default();
        let most = Utf8Bytes::from("x".repeat(BYTES_CROWDED));
        assert!(!outbox.push(&most));
        let one = Utf8Bytes::from_static("y");
        assert!(outbox.push(&one));
        assert!(outbox.eased().now_or_never().is_none());
        outbox.give_up();
        assert!(!outbox.push(&one), "it was waited for");
        outbox.next().await;
        assert!(outbox.eased().now_or_never().is_some());
        assert!(outbox.push(&most), "it took something meanwhile");
    }
}
