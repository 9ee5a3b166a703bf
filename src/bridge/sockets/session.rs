//! One socket, from its handshake to its end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use rand::RngExt;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;
use uuid::Uuid;

use bin_common_handler::{
    ids,
    models::error::{Error, Status},
};

use super::{
    At,
    frames::{ClientFrame, ServerFrame, ToldFrame},
    hub::Hub,
    manager::Managers,
    outbox::Outbox,
    replay::{Entered, Known},
    told::{Told, refused},
};
use crate::bridge::{
    bucket::Rate,
    keys::{Grant, Keys, is_visitors},
};

/// A client that shows no key within this is sent away.
const AUTH_MAX: Duration = Duration::from_secs(10);
/// How long a key may take to be looked up.
const CHECK_MAX: Duration = Duration::from_secs(2);
/// A key is looked at again this often, so one that was revoked opens nothing 5 s later.
const CHECK_EVERY: Duration = Duration::from_secs(2);
/// A visitor's token is looked at again when its session changed, and this often: each of them is looked up alone.
const VISITOR_EVERY: Duration = Duration::from_secs(30);
/// Missed events of a room that are told again.
const REPLAY_MAX: u32 = 1_000;
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
    /// A page that may not show the token, or a room that is not the caller's.
    Forbidden,
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
            Self::Forbidden => 4403,
            Self::Idle => 4408,
            Self::TooBig => 4413,
            Self::TooMany => 4429,
        }
    }
}

/// Who connects.
pub(super) struct Identity {
    pub keys: Arc<Keys>,
    /// What the handshake showed.
    pub token: Option<String>,
    pub origin: PageOrigin,
}

/// The page that connects.
pub(super) enum PageOrigin {
    /// Its host may use any key; programs have none.
    Allowed(Option<String>),
    /// Only visitors may come from there, and their tokens say whether.
    Foreign(String),
}

/// A client that was let in, or is about to be.
pub(super) struct Session {
    pub(super) id: Uuid,
    pub(super) hub: Arc<Hub>,
    pub(super) managers: Arc<Managers>,
    identity: Identity,
    at: At,
    stop: CancellationToken,
    pub(super) outbox: Arc<Outbox>,
    /// Lists that it follows.
    scopes: Vec<String>,
    /// Rooms that it is in.
    pub(super) entered: HashMap<String, Entered>,
    /// Rooms have more than was told.
    pub(super) behind: Arc<Notify>,
    /// The token is to be looked at.
    look: Arc<Notify>,
    pub(super) tracker: TaskTracker,
    point_us: Option<u64>,
    started: Instant,
}

impl Session {
    pub(super) fn new(
        (hub, managers): (Arc<Hub>, Arc<Managers>),
        identity: Identity,
        at: At,
        stop: CancellationToken,
    ) -> Self {
        Self {
            id: ids::next(),
            hub,
            managers,
            identity,
            at,
            stop,
            outbox: Arc::default(),
            scopes: Vec::new(),
            entered: HashMap::new(),
            behind: Arc::default(),
            look: Arc::default(),
            tracker: TaskTracker::new(),
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
                for entered in self.entered.values() {
                    self.hub.rooms().leave(entered.place, self.id);
                }
                end
            }
            Err(end) => end,
        };
        debug!(connection_id = %self.id, code = end.code(), "socket ended");
        goodbye(&mut socket, end).await;
    }

    /// The key of the handshake, else that of the first frame.
    async fn authenticate(&mut self, socket: &mut WebSocket) -> Result<Grant, End> {
        if self.identity.token.is_none() {
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
            self.identity.token = Some(first?);
        }
        let grant = self.check().await.map_err(|error| ended(&error))?;
        self.ensure_room(&grant).await?;
        if let Some(session) = grant.visitor_id() {
            self.hub.watch_visitor(session, self.id, &self.look);
        }
        let hello = ServerFrame::Hello {
            connection_id: self.id,
            ping_seconds: PING_EVERY.as_secs(),
            replay_max: REPLAY_MAX,
        };
        send(socket, Message::Text(hello.text())).await?;
        Ok(grant)
    }

    async fn check(&self) -> Result<Grant, Error> {
        let Identity {
            keys,
            token,
            origin,
        } = &self.identity;
        let token = token.as_deref().unwrap_or_default();
        let page = match origin {
            PageOrigin::Allowed(page) => page.as_deref(),
            PageOrigin::Foreign(page) if is_visitors(token) => Some(page.as_str()),
            PageOrigin::Foreign(_) => {
                return Err(Error::permission_denied(
                    "ORIGIN_NOT_ALLOWED",
                    "Pages of this origin may not connect.",
                ));
            }
        };
        let deadline = Instant::now() + CHECK_MAX;
        keys.check_socket(token, page, deadline).await
    }

    /// Whoever connects to one room may be in it.
    async fn ensure_room(&self, grant: &Grant) -> Result<(), End> {
        let At::Room(scope) = &self.at else {
            return Ok(());
        };
        let Some(Ok((_, kind))) = self.hub.rooms().find(grant, scope) else {
            return Err(End::Forbidden);
        };
        let id = scope.split_once(':').and_then(|(_, id)| id.parse().ok());
        let looked = self.managers.look(grant, kind, id.unwrap_or_default());
        match looked.await {
            Ok(()) => Ok(()),
            Err(error) if error.status().code() < 500 => Err(End::Forbidden),
            Err(_) => Err(End::Restart),
        }
    }

    async fn follow(&mut self, socket: &mut WebSocket, grant: &Grant) -> End {
        let every = match grant {
            Grant::Visitor(_) => VISITOR_EVERY,
            _ => CHECK_EVERY,
        };
        let (mut pings, mut checks) = (interval(PING_EVERY), interval(every));
        for ticks in [&mut pings, &mut checks] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick is at once.
            ticks.reset();
        }
        let outbox = Arc::clone(&self.outbox);
        let (behind, look) = (Arc::clone(&self.behind), Arc::clone(&self.look));
        let mut told = Told::new(Arc::clone(&self.managers), grant.clone(), self.id);
        let (mut liveness, mut checked) = (Liveness::default(), Instant::now());
        loop {
            let has_room = told.has_room();
            let step = tokio::select! {
                () = self.stop.cancelled() => Err(End::Restart),
                () = outbox.overflowed() => Err(End::SlowReader),
                frame_in = socket.recv(), if has_room => {
                    liveness.heard();
                    match frame(frame_in) {
                        Ok(said) => self.answer(socket, grant, said, &mut told).await,
                        Err(end) => Err(end),
                    }
                }
                said = told.next() => match said {
                    Some(text) => self.say(socket, text).await,
                    None => Ok(()),
                },
                text = outbox.next() => self.say(socket, text).await,
                () = behind.notified() => self.fetch(socket, grant).await,
                () = liveness.lost() => Err(End::Idle),
                () = look.notified() => self.check_again(&mut checked).await,
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

    async fn check_again(&self, checked: &mut Instant) -> Result<(), End> {
        match self.check().await {
            Ok(_) => {
                *checked = Instant::now();
                Ok(())
            }
            Err(error) if ended(&error) != End::Restart => Err(ended(&error)),
            Err(_) if checked.elapsed() > UNCHECKED_MAX => Err(End::Restart),
            Err(_) => Ok(()),
        }
    }

    async fn answer(
        &mut self,
        socket: &mut WebSocket,
        grant: &Grant,
        said: Option<Result<ClientFrame, serde_json::Error>>,
        told: &mut Told,
    ) -> Result<(), End> {
        let Some(said) = said else {
            return Ok(());
        };
        self.count()?;
        let text = match said {
            Ok(ClientFrame::Sub {
                scope,
                last_seq,
                last_note_seq,
            }) => {
                let known = Known {
                    seq: last_seq,
                    note_seq: last_note_seq,
                };
                return self.subscribe(socket, grant, &scope, known).await;
            }
            Ok(ClientFrame::Unsub { scope }) => self.unsubscribe(grant, &scope),
            Ok(ClientFrame::Ping) => ServerFrame::Pong.text(),
            Ok(ClientFrame::Auth { .. }) => refused("ALREADY_AUTHENTICATED", "auth"),
            Ok(ClientFrame::Told(frame)) if self.is_elsewhere(&frame) => {
                refused("SCOPE_REQUIRED", frame.mark())
            }
            Ok(ClientFrame::Told(frame)) => match told.push(frame) {
                Some(text) => text,
                None => return Ok(()),
            },
            Err(_) => refused("INVALID_FRAME", ""),
        };
        send(socket, Message::Text(text)).await
    }

    /// Whether a frame is about another room than the one that the socket is for.
    fn is_elsewhere(&self, frame: &ToldFrame) -> bool {
        let At::Room(scope) = &self.at else {
            return false;
        };
        let Some((word, id)) = scope.split_once(':') else {
            return false;
        };
        let named = frame.fields.get(&format!("{word}_id"));
        named.and_then(|named| named.as_str()) != Some(id)
    }

    async fn subscribe(
        &mut self,
        socket: &mut WebSocket,
        grant: &Grant,
        scope: &str,
        known: Known,
    ) -> Result<(), End> {
        let follows = self.scopes.iter().any(|own| own == scope);
        let is_new = !follows && !self.entered.contains_key(scope);
        if is_new && self.scopes.len() + self.entered.len() >= SCOPES_MAX {
            return self.say(socket, refused("TOO_MANY_SCOPES", scope)).await;
        }
        if matches!(&self.at, At::Room(own) if own != scope) {
            return self.say(socket, refused("SCOPE_REQUIRED", scope)).await;
        }
        if let Some(entered) = Box::pin(self.enter(socket, grant, scope, known)).await {
            return entered;
        }
        let text = match self.hub.follow(grant, scope, self.id, &self.outbox) {
            Ok(last_seq) => {
                if is_new {
                    self.scopes.push(scope.to_owned());
                }
                ServerFrame::Subscribed {
                    scope,
                    last_seq,
                    last_note_seq: None,
                }
                .text()
            }
            Err(error) => refused(error.reason(), scope),
        };
        self.say(socket, text).await
    }

    fn unsubscribe(&mut self, grant: &Grant, scope: &str) -> Utf8Bytes {
        if let Some(entered) = self.entered.remove(scope) {
            self.hub.rooms().leave(entered.place, self.id);
            return ServerFrame::Unsubscribed { scope }.text();
        }
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
        Some(Ok(Message::Text(text))) => Ok(Some(ClientFrame::read(text.as_bytes()))),
        Some(Ok(Message::Binary(bytes))) => Ok(Some(ClientFrame::read(&bytes))),
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

/// What a key or token that is not good enough ends.
fn ended(error: &Error) -> End {
    match error.status() {
        Status::Unauthenticated => End::Unauthenticated,
        Status::PermissionDenied => End::Forbidden,
        _ => End::Restart,
    }
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
