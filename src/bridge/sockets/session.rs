//! One socket, from its handshake to its end.

use std::{collections::HashMap, ops::Range, sync::Arc, time::Duration};

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use rand::RngExt;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;
use uuid::Uuid;

use bin_common_handler::{ids, models::error::Error, sockhandler::Held};

use super::{
    At,
    frames::{ClientFrame, ServerFrame, ToldFrame, Undecodable},
    hub::Hub,
    manager::Managers,
    outbox::Outbox,
    replay::{Entered, Known},
    told::{Told, refused},
    visitors::VisitorWatch,
    wire::{End, FrameCount, Liveness, PING_EVERY, frame, goodbye, send},
};
use crate::bridge::keys::{Grant, Keys, is_visitors};

/// A client that shows no key within this is sent away.
const AUTH_MAX: Duration = Duration::from_secs(10);
/// How long a key may take to be looked up.
const CHECK_MAX: Duration = Duration::from_secs(2);
/// A key is looked at again this often, so one that was revoked opens nothing 5 s later.
const CHECK_EVERY: Duration = Duration::from_secs(2);
/// A visitor's token is looked at again when something changed that it hangs on, and this often: each of them is looked up
/// alone.
const VISITOR_EVERY: Duration = Duration::from_secs(30);
/// After such a change a token is looked at once more, this many milliseconds later: what one manager announces, another may
/// not have heard yet. Spread, as many sockets may be told at once.
const SOON_MS: Range<u64> = 1_000..2_500;
/// Missed events of a room that are told again.
const REPLAY_MAX: u32 = 1_000;
/// A key that cannot be looked up is believed for so long.
const UNCHECKED_MAX: Duration = Duration::from_secs(60);
/// Rooms of whoever sees their own only are asked for again this often; what happens in them does so at once.
const OWN_EVERY: Duration = Duration::from_secs(30);
/// How long what was said at last may take to be passed on.
const FINISH_MAX: Duration = Duration::from_secs(2);
/// How long the bus may take until events of a scope are heard.
const BOUND_MAX: Duration = Duration::from_secs(5);
/// Scopes that one socket follows at most.
const SCOPES_MAX: usize = 64;
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
    pub(super) at: At,
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
    count: FrameCount,
    /// Its place among the sockets of its visitor, and what says that it changed.
    watch: Option<(VisitorWatch, Held)>,
    /// What keeps the events of its scopes coming.
    pub(super) held: HashMap<String, Held>,
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
            count: FrameCount::default(),
            watch: None,
            held: HashMap::new(),
        }
    }

    /// Until the client leaves, or has to.
    pub(super) async fn run(mut self, mut socket: WebSocket) {
        let end = match self.authenticate(&mut socket).await {
            Ok(grant) => {
                let end = self.follow(&mut socket, grant.clone()).await;
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
        let grant = self.check().await.map_err(|error| End::of(&error))?;
        if let Some(session) = grant.visitor_id() {
            let customer_id = grant.scope().customer_id().unwrap_or_default();
            let visitors = self.hub.visitors();
            let watch = visitors.watch((customer_id, session), self.id, &self.look);
            let watch = watch.ok_or(End::TooMany)?;
            let held = self.hub.hold_visitors(&grant);
            if !held.is_ready() {
                let heard = timeout(BOUND_MAX, held.ready()).await;
                heard.map_err(|_| End::Restart)?;
                // It may have ended before that was heard.
                self.look.notify_one();
            }
            self.watch = Some((watch, held));
        }
        self.ensure_room(&grant).await?;
        self.greet(socket, &grant).await?;
        Ok(grant)
    }

    /// Says who we are, and a visitor's new token, where the one it has is soon over.
    async fn greet(&mut self, socket: &mut WebSocket, grant: &Grant) -> Result<(), End> {
        let token = grant.renewed();
        if let Some(token) = token {
            self.identity.token = Some(token.to_owned());
        }
        let hello = ServerFrame::Hello {
            connection_id: self.id,
            ping_seconds: PING_EVERY.as_secs(),
            replay_max: REPLAY_MAX,
            token,
        };
        send(socket, Message::Text(hello.text())).await
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

    async fn follow(&mut self, socket: &mut WebSocket, grant: Grant) -> End {
        let mut told = Told::new(Arc::clone(&self.managers), grant.clone(), self.id);
        let end = self.converse(socket, grant, &mut told).await;
        if matches!(end, End::Left | End::Idle | End::SlowReader) {
            // Whoever says that they go, and goes, is heard.
            let _ = timeout(FINISH_MAX, told.finish()).await;
        }
        end
    }

    async fn converse(&mut self, socket: &mut WebSocket, mut grant: Grant, told: &mut Told) -> End {
        let every = match &grant {
            Grant::Visitor(_) => VISITOR_EVERY,
            _ => CHECK_EVERY,
        };
        let (mut pings, mut checks) = (interval(PING_EVERY), interval(every));
        let mut owns = interval(OWN_EVERY);
        for ticks in [&mut pings, &mut checks, &mut owns] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick is at once.
            ticks.reset();
        }
        let outbox = Arc::clone(&self.outbox);
        let (behind, look) = (Arc::clone(&self.behind), Arc::clone(&self.look));
        let (mut liveness, mut checked) = (Liveness::default(), Instant::now());
        loop {
            let has_room = told.has_room();
            let step = tokio::select! {
                () = self.stop.cancelled() => Err(End::Restart),
                () = outbox.overflowed() => Err(End::SlowReader),
                frame_in = socket.recv(), if has_room => {
                    liveness.heard();
                    match frame(frame_in) {
                        Ok(said) => self.answer(socket, &grant, said, told).await,
                        Err(end) => Err(end),
                    }
                }
                said = told.next() => match said {
                    Some(text) => self.say(socket, text).await,
                    None => Ok(()),
                },
                text = outbox.next() => self.say(socket, text).await,
                () = behind.notified() => self.fetch(socket, &grant).await,
                () = liveness.lost() => Err(End::Idle),
                () = look.notified() => {
                    checks.reset_after(soon());
                    self.check_again(socket, &mut grant, told, &mut checked).await
                }
                _ = checks.tick() => {
                    let before = checked;
                    let step = self.check_again(socket, &mut grant, told, &mut checked).await;
                    if checked == before {
                        // It could not be looked up.
                        checks.reset_after(soon());
                    }
                    step
                }
                _ = owns.tick() => {
                    self.entered.values().for_each(Entered::look_again);
                    Ok(())
                }
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

    /// A key that lost or gained a right comes again, as what it follows by now may be another's.
    async fn check_again(
        &mut self,
        socket: &mut WebSocket,
        grant: &mut Grant,
        told: &mut Told,
        checked: &mut Instant,
    ) -> Result<(), End> {
        match self.check().await {
            Ok(fresh) if !fresh.has_rights_of(grant) => Err(End::Restart),
            Ok(fresh) => {
                *checked = Instant::now();
                *grant = fresh;
                told.hold(grant.clone());
                if grant.renewed().is_some() {
                    self.greet(socket, grant).await?;
                }
                Ok(())
            }
            Err(error) if End::of(&error) != End::Restart => Err(End::of(&error)),
            Err(_) if checked.elapsed() > UNCHECKED_MAX => Err(End::Restart),
            Err(_) => Ok(()),
        }
    }

    async fn answer(
        &mut self,
        socket: &mut WebSocket,
        grant: &Grant,
        said: Option<Result<ClientFrame, Undecodable>>,
        told: &mut Told,
    ) -> Result<(), End> {
        self.count.add()?;
        let Some(said) = said else {
            return Ok(());
        };
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
                let scope = canonical(scope);
                return self.subscribe(socket, grant, &scope, known).await;
            }
            Ok(ClientFrame::Unsub { scope }) => self.unsubscribe(grant, &canonical(scope)),
            Ok(ClientFrame::Ping) => ServerFrame::Pong.text(),
            Ok(ClientFrame::Auth { .. }) => refused("ALREADY_AUTHENTICATED", "auth"),
            Ok(ClientFrame::Told(frame)) if self.is_elsewhere(&frame) => {
                refused("SCOPE_REQUIRED", frame.mark())
            }
            Ok(ClientFrame::Told(frame)) => match told.push(frame) {
                Some(text) => text,
                None => return Ok(()),
            },
            Err(Undecodable { mark }) => refused("INVALID_FRAME", &mark),
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
        let named = named.and_then(|named| Uuid::try_parse(named.as_str()?).ok());
        named.is_none() || named != Uuid::try_parse(id).ok()
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
        if let Err(error) = self.managers.count_visitor(grant).await {
            return self.say(socket, refused(error.reason(), scope)).await;
        }
        // Heard first, so that nothing is lost between the first answer and the first event.
        let held = self.hub.hold(grant, scope);
        if !held.is_ready() {
            let heard = timeout(BOUND_MAX, held.ready());
            if self.meanwhile(socket, heard).await?.is_err() {
                let error = Error::unavailable("broker", "not bound in time");
                return self.say(socket, refused(error.reason(), scope)).await;
            }
        }
        if let Some(entered) = Box::pin(self.enter(socket, grant, scope, known)).await {
            if self.entered.contains_key(scope) {
                self.held.insert(scope.to_owned(), held);
            } else {
                self.held.remove(scope);
            }
            return entered;
        }
        let text = match self.hub.follow(grant, scope, self.id, &self.outbox) {
            Ok(last_seq) => {
                if is_new {
                    self.scopes.push(scope.to_owned());
                }
                self.held.insert(scope.to_owned(), held);
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
            self.held.remove(scope);
            return ServerFrame::Unsubscribed { scope }.text();
        }
        match self.hub.leave(grant, scope, self.id) {
            Ok(()) => {
                self.scopes.retain(|own| own != scope);
                self.held.remove(scope);
                ServerFrame::Unsubscribed { scope }.text()
            }
            Err(error) => refused(error.reason(), scope),
        }
    }
}

fn soon() -> Duration {
    Duration::from_millis(rand::rng().random_range(SOON_MS))
}

/// A scope in its one spelling: an id may be written in several.
fn canonical(scope: String) -> String {
    let id = scope
        .split_once(':')
        .and_then(|(word, id)| Some((word, Uuid::try_parse(id).ok()?)));
    match id {
        Some((word, id)) => format!("{word}:{id}"),
        None => scope,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("me", "me")]
    #[case("conversation:x", "conversation:x")]
    #[case(
        "conversation:00000000-0000-0000-0000-00000000000a",
        "conversation:00000000-0000-0000-0000-00000000000a"
    )]
    #[case(
        "conversation:urn:uuid:00000000-0000-0000-0000-00000000000A",
        "conversation:00000000-0000-0000-0000-00000000000a"
    )]
    #[case(
        "queue:{0000000000000000000000000000000a}",
        "queue:{0000000000000000000000000000000a}"
    )]
    #[case(
        "queue:0000000000000000000000000000000A",
        "queue:00000000-0000-0000-0000-00000000000a"
    )]
    fn a_scope_has_one_spelling(#[case] given: &str, #[case] expected: &str) {
        assert_eq!(canonical(given.to_owned()), expected);
    }
}
