//! One socket, from its handshake to its end.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use rand::RngExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use uuid::Uuid;

use bin_common_handler::{
    ids,
    models::error::{Error, Status},
};

use super::{
    frames::{ClientFrame, ServerFrame},
    hub::Hub,
    ops::SocketOps,
    outbox::Outbox,
};
use crate::bridge::{
    bucket::Rate,
    keys::{Grant, Keys},
};

/// A client that shows no key within this is sent away.
const AUTH_MAX: Duration = Duration::from_secs(10);
/// How long a key may take to be looked up.
const CHECK_MAX: Duration = Duration::from_secs(2);
/// A key is looked at again this often, so one that was revoked opens nothing 5 s later.
const CHECK_EVERY: Duration = Duration::from_secs(2);
/// A key that cannot be looked up is believed for so long.
const UNCHECKED_MAX: Duration = Duration::from_secs(60);
pub(super) const PING_EVERY: Duration = Duration::from_secs(25);
/// A client that says nothing for so long after a ping is gone.
const PONG_MAX: Duration = Duration::from_secs(10);
/// A frame that the client does not take within this makes it a slow reader.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// Frames of a client: so many a second, so many at once.
pub(super) const FRAMES: Rate = Rate {
    per_second: 20,
    burst: 60,
};
/// Scopes that one socket follows at most.
const SCOPES_MAX: usize = 64;
/// All clients of a bridge that stops come again within this.
const RETRY_MAX_MS: u64 = 5_000;

/// Why a socket ends. Codes from 4000 on are the application's own (RFC 6455 7.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client left.
    Left,
    /// No key, a wrong one, or one that was revoked.
    Unauthenticated,
    Idle,
    TooBig,
    TooMany,
    SlowReader,
    Restart,
}

impl End {
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Left => 1000,
            Self::Restart => 1012,
            Self::SlowReader => 4008,
            Self::Unauthenticated => 4401,
            Self::Idle => 4408,
            Self::TooBig => 4413,
            Self::TooMany => 4429,
        }
    }
}

/// A client that was let in, or is about to be.
pub(super) struct Session {
    id: Uuid,
    hub: Arc<Hub>,
    keys: Arc<Keys>,
    token: Option<String>,
    ops: SocketOps,
    stop: CancellationToken,
    outbox: Arc<Outbox>,
    scopes: Vec<String>,
    point_us: Option<u64>,
    started: Instant,
}

impl Session {
    pub(super) fn new(
        hub: Arc<Hub>,
        keys: Arc<Keys>,
        token: Option<String>,
        ops: SocketOps,
        stop: CancellationToken,
    ) -> Self {
        Self {
            id: ids::next(),
            hub,
            keys,
            token,
            ops,
            stop,
            outbox: Arc::default(),
            scopes: Vec::new(),
            point_us: None,
            started: Instant::now(),
        }
    }

    /// Until the client leaves, or has to.
    pub(super) async fn run(mut self, mut socket: WebSocket) {
        let end = match self.authenticate(&mut socket).await {
            Ok(grant) => {
                let end = self.follow(&mut socket, &grant).await;
                self.hub.leave_all(&grant, self.id);
                end
            }
            Err(end) => end,
        };
        debug!(connection_id = %self.id, code = end.code(), "socket ended");
        goodbye(&mut socket, end).await;
    }

    /// The key of the handshake, else that of the first frame.
    async fn authenticate(&mut self, socket: &mut WebSocket) -> Result<Grant, End> {
        if self.token.is_none() {
            let first = async {
                loop {
                    match frame(socket.recv().await)? {
                        Some(Ok(ClientFrame::Auth { token })) => return Ok(token),
                        Some(_) => return Err(End::Unauthenticated),
                        None => {}
                    }
                }
            };
            let first = tokio::select! {
                first = timeout(AUTH_MAX, first) => first.map_err(|_| End::Unauthenticated)?,
                () = self.stop.cancelled() => Err(End::Restart),
            };
            self.token = Some(first?);
        }
        let grant = self.check().await.map_err(|_| End::Unauthenticated)?;
        let hello = ServerFrame::Hello {
            connection_id: self.id,
            ping_seconds: PING_EVERY.as_secs(),
            replay_max: 0,
        };
        send(socket, Message::Text(hello.text())).await?;
        Ok(grant)
    }

    async fn check(&self) -> Result<Grant, Error> {
        let token = self.token.as_deref().map(str::as_bytes);
        self.keys.check(token, Instant::now() + CHECK_MAX).await
    }

    async fn follow(&mut self, socket: &mut WebSocket, grant: &Grant) -> End {
        let (mut pings, mut checks) = (interval(PING_EVERY), interval(CHECK_EVERY));
        for ticks in [&mut pings, &mut checks] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick is at once.
            ticks.reset();
        }
        let outbox = Arc::clone(&self.outbox);
        let (mut liveness, mut checked) = (Liveness::default(), Instant::now());
        loop {
            let step = tokio::select! {
                () = self.stop.cancelled() => Err(End::Restart),
                () = outbox.overflowed() => Err(End::SlowReader),
                frame_in = socket.recv() => {
                    liveness.heard();
                    match frame(frame_in) {
                        Ok(said) => self.answer(socket, grant, said).await,
                        Err(end) => Err(end),
                    }
                }
                text = outbox.next() => self.pass_on(socket, text).await,
                () = liveness.lost() => Err(End::Idle),
                _ = checks.tick() => self.check_again(&mut checked).await,
                _ = pings.tick() => {
                    liveness.pinged();
                    send(socket, Message::Ping(Vec::new().into())).await
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Sends an event. A socket whose outbox fills up meanwhile is given up at once.
    async fn pass_on(&self, socket: &mut WebSocket, text: Utf8Bytes) -> Result<(), End> {
        tokio::select! {
            sent = send(socket, Message::Text(text)) => sent,
            () = self.outbox.overflowed() => Err(End::SlowReader),
        }
    }

    async fn check_again(&self, checked: &mut Instant) -> Result<(), End> {
        match self.check().await {
            Ok(_) => {
                *checked = Instant::now();
                Ok(())
            }
            Err(error) if error.status() == Status::Unauthenticated => Err(End::Unauthenticated),
            Err(_) if checked.elapsed() > UNCHECKED_MAX => Err(End::Restart),
            Err(_) => Ok(()),
        }
    }

    async fn answer(
        &mut self,
        socket: &mut WebSocket,
        grant: &Grant,
        said: Option<Result<ClientFrame, serde_json::Error>>,
    ) -> Result<(), End> {
        let Some(said) = said else {
            return Ok(());
        };
        self.count()?;
        let text = match said {
            Ok(ClientFrame::Sub { scope }) => self.subscribe(grant, &scope),
            Ok(ClientFrame::Unsub { scope }) => self.unsubscribe(grant, &scope),
            Ok(ClientFrame::Ping) => ServerFrame::Pong.text(),
            Ok(ClientFrame::Other(fields)) => match self.ops.begin(grant, fields, &self.outbox) {
                None => return Ok(()),
                Some(refusal) => refusal,
            },
            Ok(ClientFrame::Auth { .. }) => refused("ALREADY_AUTHENTICATED", "auth"),
            Err(_) => refused("INVALID_FRAME", ""),
        };
        send(socket, Message::Text(text)).await
    }

    fn subscribe(&mut self, grant: &Grant, scope: &str) -> Utf8Bytes {
        let is_new = !self.scopes.iter().any(|own| own == scope);
        if is_new && self.scopes.len() >= SCOPES_MAX {
            return refused("TOO_MANY_SCOPES", scope);
        }
        match self.hub.follow(grant, scope, self.id, &self.outbox) {
            Ok(last_seq) => {
                if is_new {
                    self.scopes.push(scope.to_owned());
                }
                ServerFrame::Subscribed { scope, last_seq }.text()
            }
            Err(error) => refused(error.reason(), scope),
        }
    }

    fn unsubscribe(&mut self, grant: &Grant, scope: &str) -> Utf8Bytes {
        match self.hub.leave(grant, scope, self.id) {
            Ok(()) => {
                self.scopes.retain(|own| own != scope);
                ServerFrame::Unsubscribed { scope }.text()
            }
            Err(error) => refused(error.reason(), scope),
        }
    }

    /// Counts a frame of the client.
    fn count(&mut self) -> Result<(), End> {
        let Some(steps) = FRAMES.steps() else {
            return Ok(());
        };
        let now = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let point = steps.take(self.point_us, now).map_err(|_| End::TooMany)?;
        self.point_us = Some(point);
        Ok(())
    }
}

/// A text frame, read; nothing for what the library answers by itself.
fn frame(
    received: Option<Result<Message, axum::Error>>,
) -> Result<Option<Result<ClientFrame, serde_json::Error>>, End> {
    match received {
        Some(Ok(Message::Text(text))) => Ok(Some(serde_json::from_str(&text))),
        Some(Ok(Message::Binary(bytes))) => Ok(Some(serde_json::from_slice(&bytes))),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_))) | None => Err(End::Left),
        Some(Err(fault)) if is_too_big(&fault) => Err(End::TooBig),
        Some(Err(_)) => Err(End::Left),
    }
}

/// The library hides its error's type from us; its text names the limit.
pub(super) fn is_too_big(fault: &axum::Error) -> bool {
    fault.to_string().contains("too long")
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

pub(super) async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(WRITE_MAX, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Left),
        Err(_) => Err(End::SlowReader),
    }
}

pub(super) fn refused(code: &str, r#ref: &str) -> Utf8Bytes {
    ServerFrame::Err { code, r#ref }.text()
}

/// Says why, as far as the client still listens.
async fn goodbye(socket: &mut WebSocket, end: End) {
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
    let patience = if end == End::SlowReader { 0 } else { 1 };
    let _ = timeout(Duration::from_secs(patience), said).await;
}
