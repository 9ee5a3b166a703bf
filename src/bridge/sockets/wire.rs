//! What is the same for every socket, whatever is said over it: why it ends, whether its client still answers, how often
//! that may say something.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::stream::FusedStream;
use rand::RngExt;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use bin_common_handler::models::error::{Error, Status};

use super::frames::{ClientFrame, ServerFrame, Undecodable};
use crate::bridge::bucket::Rate;

pub(super) const PING_EVERY: Duration = Duration::from_secs(25);
/// A client that says nothing for so long after a ping is gone.
const PONG_MAX: Duration = Duration::from_secs(10);
/// A frame that the client does not take within this makes it a slow reader.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// Frames of a client, pings and pongs among them: so many a second, so many at once.
const FRAMES: Rate = Rate {
    per_second: 20,
    burst: 60,
};
/// How long the last words may take to be taken.
const GOODBYE_MAX: Duration = Duration::from_secs(1);
/// How long a client that was sent away may take to close, and what is read of it meanwhile, in bytes.
const LINGER_MAX: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 256 * 1024;
/// What a frame has beside its payload, in bytes.
const FRAME_HEAD: usize = 6;
/// All clients of a bridge that stops come again within this.
const RETRY_MAX_MS: u64 = 5_000;

/// Why a socket ends. Codes from 4000 on are the application's own (RFC 6455 7.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client left.
    Left,
    /// It broke the protocol.
    Protocol,
    /// It sent text that is no UTF-8.
    BadText,
    /// No key, a wrong one, or one that was revoked.
    Unauthenticated,
    /// A page that may not show the token, or a room that is not the caller's.
    Forbidden,
    Idle,
    TooBig,
    TooMany,
    SlowReader,
    /// It is to come again.
    Restart,
}

impl End {
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Left => 1000,
            Self::Protocol => 1002,
            Self::BadText => 1007,
            Self::Restart => 1012,
            Self::SlowReader => 4008,
            Self::Unauthenticated => 4401,
            Self::Forbidden => 4403,
            Self::Idle => 4408,
            Self::TooBig => 4413,
            Self::TooMany => 4429,
        }
    }

    /// What a key or token that is not good enough ends.
    pub(super) fn of(error: &Error) -> Self {
        match error.status() {
            Status::Unauthenticated => Self::Unauthenticated,
            Status::PermissionDenied => Self::Forbidden,
            _ => Self::Restart,
        }
    }

    /// What a fault of the connection ends. The library hides its error's type from us; its text tells them apart.
    pub(super) fn of_fault(fault: &axum::Error) -> Self {
        let text = fault.to_string();
        let says = |word: &str| text.contains(word);
        if says("too long") {
            Self::TooBig
        } else if says("UTF-8") {
            Self::BadText
        } else if says("protocol error") && !says("closing") {
            Self::Protocol
        } else {
            Self::Left
        }
    }
}

/// A text frame, read; nothing for what the library answers by itself.
pub(super) fn frame(
    received: Option<Result<Message, axum::Error>>,
) -> Result<Option<Result<ClientFrame, Undecodable>>, End> {
    match received {
        Some(Ok(Message::Text(text))) => Ok(Some(ClientFrame::read(text.as_bytes()))),
        Some(Ok(Message::Binary(bytes))) => Ok(Some(ClientFrame::read(&bytes))),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_))) | None => Err(End::Left),
        Some(Err(fault)) => Err(End::of_fault(&fault)),
    }
}

/// Whether the client still answers.
#[derive(Default)]
pub(super) struct Liveness {
    /// When the oldest ping was sent that nothing was heard after.
    pinged_at: Option<Instant>,
}

impl Liveness {
    pub(super) fn heard(&mut self) {
        self.pinged_at = None;
    }

    pub(super) fn pinged(&mut self) {
        self.pinged_at.get_or_insert_with(Instant::now);
    }

    /// Ends when a ping has gone unanswered for too long.
    pub(super) async fn lost(&self) {
        match self.pinged_at {
            Some(at) => sleep_until(at + PONG_MAX).await,
            None => std::future::pending().await,
        }
    }
}

/// How many frames a client sent.
pub(super) struct FrameCount {
    started: Instant,
    point_us: Option<u64>,
}

impl Default for FrameCount {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            point_us: None,
        }
    }
}

impl FrameCount {
    /// Counts one.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn add(&mut self) -> Result<(), End> {
        let Some(steps) = FRAMES.steps() else {
            return Ok(());
        };
        let now = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let point = steps.take(self.point_us, now).map_err(|_| End::TooMany)?;
        self.point_us = Some(point);
        Ok(())
    }
}

pub(super) async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(WRITE_MAX, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Left),
        Err(_) => Err(End::SlowReader),
    }
}

/// Says why, as far as the client still listens.
pub(super) async fn goodbye(socket: &mut WebSocket, end: End) {
    if end == End::Left {
        return;
    }
    let code = end.code();
    let retry_after_ms = match end {
        End::Restart => rand::rng().random_range(0..RETRY_MAX_MS),
        _ => 0,
    };
    let bye = ServerFrame::Bye {
        code,
        retry_after_ms,
    };
    let close = CloseFrame {
        code,
        reason: Utf8Bytes::default(),
    };
    let said = async {
        let _ = socket.send(Message::Text(bye.text())).await;
        let _ = socket.send(Message::Close(Some(close))).await;
    };
    // A slow reader will not take it; it is not waited for.
    if end == End::SlowReader {
        let _ = timeout(Duration::ZERO, said).await;
        return;
    }
    if timeout(GOODBYE_MAX, said).await.is_ok() {
        linger(socket).await;
    }
}

/// Reads what the client sends until it has closed, too: a connection that is dropped over unread bytes is reset, and the
/// client may lose our last words.
pub(super) async fn linger(socket: &mut WebSocket) {
    if socket.is_terminated() {
        // After a fault the library reads no more. The client has a moment to take what it was told.
        sleep(LINGER_MAX).await;
        return;
    }
    let drained = async {
        let mut bytes = 0_usize;
        while let Some(Ok(message)) = socket.recv().await {
            let is_over = matches!(message, Message::Close(_));
            let more = message.into_data().len().saturating_add(FRAME_HEAD);
            bytes = bytes.saturating_add(more);
            if is_over || bytes > LINGER_BYTES_MAX {
                return;
            }
        }
    };
    let _ = timeout(LINGER_MAX, drained).await;
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_answers_no_ping_in_time_is_gone() {
        let (start, mut liveness) = (Instant::now(), Liveness::default());
        liveness.pinged();
        advance(PONG_MAX / 2).await;
        // The oldest that nothing was heard after counts.
        liveness.pinged();
        liveness.lost().await;
        let waited = start.elapsed();
        let slack = Duration::from_millis(10);
        assert!((PONG_MAX..PONG_MAX + slack).contains(&waited), "{waited:?}");
        assert_eq!(End::Idle.code(), 4408);

        liveness.heard();
        tokio::select! {
            () = liveness.lost() => panic!("it answered"),
            () = sleep(PING_EVERY) => {}
        }
    }
}
