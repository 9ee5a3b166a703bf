//! How a socket enters a room, and how it fetches what it was not told.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use serde_json::value::RawValue;
use tokio::time::sleep;
use tracing::debug;
use uuid::Uuid;

use bin_common_handler::{
    listenhandler::RoomKey,
    models::error::{Error, Result, Status},
};

use super::{
    At,
    frames::{Numbers, ServerFrame},
    manager::{Page, Replayed},
    member::Member,
    rooms::{Place, RoomKind},
    session::Session,
    told::refused,
    wire::{self, End},
};
use crate::bridge::keys::Grant;

/// When a manager that did not answer is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// A room that a socket is in.
pub(super) struct Entered {
    pub place: Place,
    id: Uuid,
    member: Arc<Member>,
}

impl Entered {
    /// Whether it may still be here is to be asked, where it sees its own only.
    pub(super) fn look_again(&self) {
        self.member.look_again();
    }
}

/// What a client knows already.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    pub seq: Option<i64>,
    pub note_seq: Option<i64>,
}

impl Session {
    /// Enters a room: bound first, then told what was missed, then spared what it has. None where the scope is no room's.
    pub(super) async fn enter(
        &mut self,
        socket: &mut WebSocket,
        grant: &Grant,
        scope: &str,
        known: Known,
    ) -> Option<std::result::Result<(), End>> {
        let hub = Arc::clone(&self.hub);
        let (place, kind) = match hub.rooms().find(grant, scope)? {
            Ok(found) => found,
            Err(error) => return Some(self.say(socket, refused(error.reason(), scope)).await),
        };
        let id = scope
            .split_once(':')
            .and_then(|(_, id)| id.parse().ok())
            .unwrap_or_default();
        let outbox = Arc::clone(&self.outbox);
        let wake = Arc::clone(&self.behind);
        let is_confined = kind.is_confined(grant);
        let member = Arc::new(Member::new(self.id, outbox, wake, is_confined));
        let is_replayed = kind.room.is_replayed;
        if is_replayed {
            member.catch_up(grant.visitor_id().is_none());
        }
        hub.rooms().enter(place, &member);
        // What a member that it replaces was told comes before what this one is.
        if let Err(end) = self.flush(socket).await {
            return Some(Err(end));
        }
        let entered = Entered { place, id, member };
        let begun = if is_replayed {
            self.begin(socket, (grant, kind), &entered, known).await
        } else {
            self.follow_room(socket, (grant, kind), scope, id).await
        };
        match begun {
            Ok(Ok(())) => {
                self.entered.insert(scope.to_owned(), entered);
                Some(Ok(()))
            }
            Ok(Err(end)) => Some(Err(end)),
            Err(error) => {
                hub.rooms().leave(place, self.id);
                self.entered.remove(scope);
                Some(self.say(socket, refused(error.reason(), scope)).await)
            }
        }
    }

    /// A room without numbers: whether it is there is all that is asked.
    async fn follow_room(
        &self,
        socket: &mut WebSocket,
        (grant, kind): (&Grant, &RoomKind),
        scope: &str,
        id: Uuid,
    ) -> Result<std::result::Result<(), End>> {
        if kind.room.key == RoomKey::Path {
            self.managers.look(grant, kind, id).await?;
        }
        let subscribed = ServerFrame::Subscribed {
            scope,
            last_seq: 0,
            last_note_seq: None,
        };
        Ok(self.say(socket, subscribed.text()).await)
    }

    async fn begin(
        &self,
        socket: &mut WebSocket,
        (grant, kind): (&Grant, &RoomKind),
        entered: &Entered,
        known: Known,
    ) -> Result<std::result::Result<(), End>> {
        let scope = format!("{}:{}", kind.room.scope, entered.id);
        let after = (known.seq, known.note_seq);
        let asked = self.managers.page(grant, (kind, entered.id), after);
        let page = match self.meanwhile(socket, asked).await {
            Ok(page) => page?,
            Err(end) => return Ok(Err(end)),
        };
        let notes = grant.visitor_id().is_none().then_some(page.last_note_seq);
        let subscribed = ServerFrame::Subscribed {
            scope: &scope,
            last_seq: page.last_seq,
            last_note_seq: notes,
        };
        if let Err(end) = self.say(socket, subscribed.text()).await {
            return Ok(Err(end));
        }
        let told = match (page.ok, known.seq) {
            (true, Some(seq)) => (seq, known.note_seq.unwrap_or(page.last_note_seq)),
            _ => (page.last_seq, known.note_seq.unwrap_or(page.last_note_seq)),
        };
        entered.member.reach(told.0, told.1);
        let recovered = known.seq.map(|_| (page.ok, page.oldest_seq));
        let walk = Walk {
            grant,
            kind,
            entered,
            scope: &scope,
        };
        let walked = self.walk(socket, &walk, Some(page)).await?;
        if let (Ok(()), Some((ok, oldest_seq))) = (&walked, recovered) {
            let frame = ServerFrame::Recovered {
                scope: &scope,
                ok,
                oldest_seq,
            };
            return Ok(self.say(socket, frame.text()).await);
        }
        Ok(walked)
    }

    /// Fetches what the rooms of this socket were not told.
    pub(super) async fn fetch(
        &mut self,
        socket: &mut WebSocket,
        grant: &Grant,
    ) -> std::result::Result<(), End> {
        let behind = self.entered.iter();
        let behind = behind.filter(|(_, entered)| entered.member.take_behind());
        let behind: Vec<String> = behind.map(|(scope, _)| scope.clone()).collect();
        for scope in &behind {
            // What waits was told before what is fetched.
            self.flush(socket).await?;
            let Some(entered) = self.entered.get(scope) else {
                continue;
            };
            let Err(error) = self.fetch_room(socket, grant, (scope, entered)).await? else {
                continue;
            };
            debug!(%error, "missed events not fetched yet");
            if matches!(error.status(), Status::NotFound | Status::PermissionDenied) {
                self.lose(socket, scope).await?;
            } else {
                self.fetch_later(&entered.member);
            }
        }
        Ok(())
    }

    async fn fetch_room(
        &self,
        socket: &mut WebSocket,
        grant: &Grant,
        (scope, entered): (&str, &Entered),
    ) -> std::result::Result<Result<()>, End> {
        let hub = Arc::clone(&self.hub);
        let Some(Ok((_, kind))) = hub.rooms().find(grant, scope) else {
            return Ok(Ok(()));
        };
        if !kind.room.is_replayed {
            let asked = self.managers.look(grant, kind, entered.id);
            return self.meanwhile(socket, asked).await;
        }
        let walk = Walk {
            grant,
            kind,
            entered,
            scope,
        };
        match self.walk(socket, &walk, None).await {
            Ok(walked) => walked.map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// The room is not the caller's any more.
    async fn lose(&mut self, socket: &mut WebSocket, scope: &str) -> std::result::Result<(), End> {
        if let Some(entered) = self.entered.remove(scope) {
            self.hub.rooms().leave(entered.place, self.id);
            self.held.remove(scope);
        }
        if matches!(self.at, At::Room(_)) {
            return Err(End::Forbidden);
        }
        let frame = ServerFrame::Unsubscribed { scope };
        self.say(socket, frame.text()).await
    }

    fn fetch_later(&self, member: &Arc<Member>) {
        let member = Arc::clone(member);
        self.tracker.spawn(async move {
            sleep(AGAIN).await;
            member.again();
        });
    }

    /// Tells everything after what the member was told, page by page, as fast as the socket takes it. What was told is
    /// remembered with each event, so that nothing is told twice where the manager goes away in between.
    async fn walk(
        &self,
        socket: &mut WebSocket,
        walk: &Walk<'_>,
        mut page: Option<Page>,
    ) -> Result<std::result::Result<(), End>> {
        let member = &walk.entered.member;
        loop {
            let next = match page.take() {
                Some(page) => page,
                None => {
                    let (seq, note_seq) = member.told();
                    let room = (walk.kind, walk.entered.id);
                    let after = (Some(seq), Some(note_seq));
                    let asked = self.managers.page(walk.grant, room, after);
                    match self.meanwhile(socket, asked).await {
                        Ok(page) => page?,
                        Err(end) => return Ok(Err(end)),
                    }
                }
            };
            let told = match self.tell_page(socket, walk, &next).await? {
                Ok(told) => told,
                Err(end) => return Ok(Err(end)),
            };
            let is_all =
                next.events.is_empty() || (told.0 >= next.last_seq && told.1 >= next.last_note_seq);
            if is_all && member.settle(told.0, told.1) {
                return Ok(Ok(()));
            }
        }
    }

    /// Tells what is on a page; the numbers that are told by now.
    async fn tell_page(
        &self,
        socket: &mut WebSocket,
        walk: &Walk<'_>,
        page: &Page,
    ) -> Result<std::result::Result<(i64, i64), End>> {
        let member = &walk.entered.member;
        let mut told = member.told();
        if !page.ok && page.last_seq != told.0 {
            // Too much: it goes on from here, and the lists have the rest.
            told = (page.last_seq, page.last_note_seq);
            let frame = ServerFrame::Recovered {
                scope: walk.scope,
                ok: false,
                oldest_seq: page.oldest_seq,
            };
            member.reach(told.0, told.1);
            if let Err(end) = self.say(socket, frame.text()).await {
                return Ok(Err(end));
            }
        }
        for event in &page.events {
            let Ok(seen) = serde_json::from_str::<Replayed<'_>>(event.get()) else {
                return Err(Error::internal("an event without its numbers"));
            };
            if seen.seq > 0 {
                told.0 = seen.seq;
            } else {
                told.1 = seen.note_seq;
            }
            member.reach(told.0, told.1);
            if let Err(end) = self.say(socket, frame(walk.scope, &seen, event)).await {
                return Ok(Err(end));
            }
            // Other rooms and lists go on beside it.
            if let Err(end) = self.flush(socket).await {
                return Ok(Err(end));
            }
        }
        Ok(Ok(told))
    }

    /// Tells what waits.
    async fn flush(&self, socket: &mut WebSocket) -> std::result::Result<(), End> {
        while let Some(text) = self.outbox.take() {
            self.say(socket, text).await?;
        }
        Ok(())
    }

    /// Tells what comes until something was answered. Of a room that catches up nothing comes.
    pub(super) async fn meanwhile<T>(
        &self,
        socket: &mut WebSocket,
        asked: impl Future<Output = T>,
    ) -> std::result::Result<T, End> {
        let mut asked = pin!(asked);
        loop {
            tokio::select! {
                answered = &mut asked => return Ok(answered),
                () = self.outbox.overflowed() => return Err(End::SlowReader),
                text = self.outbox.next() => self.say(socket, text).await?,
            }
        }
    }

    pub(super) async fn say(
        &self,
        socket: &mut WebSocket,
        text: Utf8Bytes,
    ) -> std::result::Result<(), End> {
        tokio::select! {
            sent = wire::send(socket, Message::Text(text)) => sent,
            () = self.outbox.overflowed() => Err(End::SlowReader),
        }
    }
}

/// What is walked through.
struct Walk<'w> {
    grant: &'w Grant,
    kind: &'w RoomKind,
    entered: &'w Entered,
    scope: &'w str,
}

fn frame(scope: &str, seen: &Replayed<'_>, data: &RawValue) -> Utf8Bytes {
    ServerFrame::Ev {
        scope,
        numbers: Numbers {
            seq: seen.seq,
            note_seq: seen.note_seq,
        },
        r#type: &seen.r#type,
        data,
    }
    .text()
}
