//! How a socket enters a room, and how it fetches what it was not told.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use serde_json::value::RawValue;
use tokio::time::sleep;
use tracing::debug;
use uuid::Uuid;

use bin_common_handler::{
    listenhandler::RoomKey,
    models::error::{Error, Result},
};

use super::{
    frames::{Numbers, ServerFrame},
    manager::{Page, Replayed},
    member::Member,
    rooms::{Place, RoomKind},
    session::{End, Session},
    told::refused,
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
        let member = Arc::new(Member::new(self.id, outbox, Arc::clone(&self.behind)));
        let is_replayed = kind.room.is_replayed;
        if is_replayed {
            member.catch_up(grant.visitor_id().is_none());
        }
        hub.rooms().enter(place, &member);
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
        let page = self.managers.page(grant, (kind, entered.id), after).await?;
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
        let recovered = known.seq.map(|_| (page.ok, page.oldest_seq));
        let walk = Walk {
            grant,
            kind,
            entered,
            scope: &scope,
        };
        let walked = self.walk(socket, &walk, told, Some(page)).await?;
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
        &self,
        socket: &mut WebSocket,
        grant: &Grant,
    ) -> std::result::Result<(), End> {
        for (scope, entered) in &self.entered {
            if !entered.member.take_behind() {
                continue;
            }
            let Some(Ok((_, kind))) = self.hub.rooms().find(grant, scope) else {
                continue;
            };
            // What waits was told before what is fetched.
            for text in self.outbox.drain() {
                self.say(socket, text).await?;
            }
            let walk = Walk {
                grant,
                kind,
                entered,
                scope,
            };
            let told = entered.member.told();
            match self.walk(socket, &walk, told, None).await {
                Ok(walked) => walked?,
                Err(error) => {
                    debug!(%error, "missed events not fetched yet");
                    self.fetch_later(&entered.member);
                }
            }
        }
        Ok(())
    }

    fn fetch_later(&self, member: &Arc<Member>) {
        let member = Arc::clone(member);
        self.tracker.spawn(async move {
            sleep(AGAIN).await;
            member.doubt();
        });
    }

    /// Tells everything after `told`, page by page, as fast as the socket takes it.
    async fn walk(
        &self,
        socket: &mut WebSocket,
        walk: &Walk<'_>,
        mut told: (i64, i64),
        mut page: Option<Page>,
    ) -> Result<std::result::Result<(), End>> {
        let member = &walk.entered.member;
        loop {
            let next = match page.take() {
                Some(page) => page,
                None => {
                    let after = (Some(told.0), Some(told.1));
                    let room = (walk.kind, walk.entered.id);
                    self.managers.page(walk.grant, room, after).await?
                }
            };
            if !next.ok && next.last_seq != told.0 {
                // Too much: it goes on from here, and the lists have the rest.
                told = (next.last_seq, next.last_note_seq);
                let frame = ServerFrame::Recovered {
                    scope: walk.scope,
                    ok: false,
                    oldest_seq: next.oldest_seq,
                };
                if let Err(end) = self.say(socket, frame.text()).await {
                    return Ok(Err(end));
                }
            }
            for event in &next.events {
                let Ok(seen) = serde_json::from_str::<Replayed<'_>>(event.get()) else {
                    return Err(Error::internal("an event without its numbers"));
                };
                if seen.seq > 0 {
                    told.0 = seen.seq;
                } else {
                    told.1 = seen.note_seq;
                }
                if let Err(end) = self.say(socket, frame(walk.scope, &seen, event)).await {
                    return Ok(Err(end));
                }
            }
            let is_all =
                next.events.is_empty() || (told.0 >= next.last_seq && told.1 >= next.last_note_seq);
            if is_all && member.settle(told.0, told.1) {
                return Ok(Ok(()));
            }
        }
    }

    pub(super) async fn say(
        &self,
        socket: &mut WebSocket,
        text: Utf8Bytes,
    ) -> std::result::Result<(), End> {
        tokio::select! {
            sent = super::session::send(socket, Message::Text(text)) => sent,
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
