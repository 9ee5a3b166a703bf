//! Rooms: what managers let sockets follow beside lists, such as one conversation, and who is in them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::extract::ws::Utf8Bytes;
use serde_json::value::RawValue;
use uuid::Uuid;

use bin_common_handler::{
    listenhandler::{Room, RoomKey, RouteInfo, Topic},
    models::{
        error::{Error, Result},
        role::Reach,
    },
    sockhandler::ReceivedEvent,
};

use super::{
    frames::{Numbers, ServerFrame, named},
    hub::Audiences,
    member::{Member, Number, Told},
};
use crate::bridge::{keys::Grant, table::Target};

/// A kind of room.
pub(super) struct RoomKind {
    /// The manager's name.
    pub service: &'static str,
    /// The route that tells of one.
    pub route: RouteInfo,
    /// What it is.
    pub room: Room,
}

/// One room, of one tenant; the operator's are of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    kind: usize,
    customer_id: Option<Uuid>,
    id: Uuid,
}

/// All kinds of rooms, and who is in which.
pub(super) struct Rooms {
    kinds: Vec<RoomKind>,
    members: Mutex<HashMap<Place, HashMap<Uuid, Arc<Member>>>>,
}

impl Rooms {
    pub(super) fn new<'r>(routes: impl Iterator<Item = (&'static str, &'r RouteInfo)>) -> Self {
        let kinds = routes.filter_map(|(service, route)| {
            let room = route.edge.room?;
            Some(RoomKind {
                service,
                route: route.clone(),
                room,
            })
        });
        let mut kinds: Vec<_> = kinds.collect();
        // Of two rooms of one socket the narrower one tells.
        kinds.sort_by_key(|kind| match kind.room.key {
            RoomKey::Path => 0,
            RoomKey::Caller => 1,
            RoomKey::Customer => 2,
        });
        Self {
            kinds,
            members: Mutex::default(),
        }
    }

    /// The kinds of events that a scope is of, whoever may follow it.
    pub(super) fn kinds_of(&self, scope: &str) -> impl Iterator<Item = &'static str> {
        let word = scope.split_once(':').map_or(scope, |(word, _)| word);
        let kind = self.kinds.iter().find(|kind| kind.room.scope == word);
        let topics = kind.map_or(&[][..], |kind| kind.room.topics);
        topics.iter().map(|topic| topic.name)
    }

    /// The room that a scope names, for this caller; none where it is no room's name.
    ///
    /// # Errors
    /// 403 when the caller may not.
    pub(super) fn find(&self, grant: &Grant, scope: &str) -> Option<Result<(Place, &RoomKind)>> {
        let (word, id) = match scope.split_once(':') {
            Some((word, id)) => (word, Some(Uuid::try_parse(id).ok()?)),
            None => (scope, None),
        };
        let fits = |kind: &RoomKind| {
            kind.room.scope == word && (kind.room.key == RoomKey::Path) == id.is_some()
        };
        let (position, kind) = self.kinds.iter().enumerate().find(|(_, kind)| fits(kind))?;
        Some(may(grant, kind).map(|()| {
            let own = match kind.room.key {
                RoomKey::Path => id.unwrap_or_default(),
                RoomKey::Caller => grant.caller_id().unwrap_or_default(),
                RoomKey::Customer => Uuid::nil(),
            };
            let place = Place {
                kind: position,
                customer_id: grant.scope().customer_id(),
                id: own,
            };
            (place, kind)
        }))
    }

    /// The scope that a path behind `/ws` names: `/v1/conversations/<id>` is where that room's route begins.
    pub(super) fn scope_at(&self, path: &str) -> Option<String> {
        let (list, id) = path.rsplit_once('/')?;
        let id = Uuid::try_parse(id).ok()?;
        let begins = |kind: &&RoomKind| {
            let rest = kind.route.template.strip_prefix(list);
            kind.room.key == RoomKey::Path && rest.is_some_and(|rest| rest.starts_with("/<"))
        };
        let kind = self.kinds.iter().find(begins)?;
        Some(format!("{}:{id}", kind.room.scope))
    }

    pub(super) fn enter(&self, place: Place, member: &Arc<Member>) {
        let mut members = self.members();
        let those = members.entry(place).or_default();
        those.insert(member.socket, Arc::clone(member));
    }

    pub(super) fn leave(&self, place: Place, socket: Uuid) {
        let mut members = self.members();
        if let Some(those) = members.get_mut(&place) {
            those.remove(&socket);
            if those.is_empty() {
                members.remove(&place);
            }
        }
    }

    /// Events may have been missed: those with numbers are fetched, and whoever follows others reads them again.
    pub(super) fn doubt(&self) {
        for (place, members) in self.members().iter() {
            let Some(kind) = self.kinds.get(place.kind) else {
                continue;
            };
            let frame = (!kind.room.is_replayed).then(|| kind.subscribed(place.id));
            for member in members.values() {
                match &frame {
                    Some(frame) => {
                        member.outbox.push(frame);
                    }
                    None => member.doubt(),
                }
            }
        }
    }

    /// Tells an event to those whom it concerns, each once.
    pub(super) fn publish(&self, event: &ReceivedEvent, data: &RawValue, heard: &mut Audiences) {
        let mut words = event.routing_key.split('.');
        let (service, name) = (words.next(), words.next());
        let mut seen: Option<Seen<'_>> = None;
        for (position, kind) in self.kinds.iter().enumerate() {
            if service != Some(kind.service) {
                continue;
            }
            let Some(topic) = kind.room.topics.iter().find(|it| name == Some(it.name)) else {
                continue;
            };
            let seen = seen.get_or_insert_with(|| Seen::read(data));
            let Some(id) = seen.id(topic) else {
                continue;
            };
            let members = self.those(position, event.customer_id, id);
            if members.is_empty() {
                continue;
            }
            let told = Told {
                number: seen.number(kind),
                may_end: kind.room.takes_away(seen.kind().as_deref()),
                frame: &frame(kind, topic, id, (&event.event.kind, data), seen),
            };
            for member in members {
                if heard.told.insert(member.socket) && member.tell(told) {
                    heard.crowded.push(Arc::clone(&member.outbox));
                }
            }
        }
    }

    fn those(&self, kind: usize, customer_id: Option<Uuid>, id: Uuid) -> Vec<Arc<Member>> {
        let members = self.members();
        let of = |customer_id| {
            members.get(&Place {
                kind,
                customer_id,
                id,
            })
        };
        let own = customer_id.and_then(|id| of(Some(id)));
        [own, of(None)]
            .into_iter()
            .flatten()
            .flat_map(HashMap::values)
            .cloned()
            .collect()
    }

    fn members(&self) -> MutexGuard<'_, HashMap<Place, HashMap<Uuid, Arc<Member>>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomKind {
    /// The scope of one of them.
    fn scope(&self, id: Uuid) -> String {
        match self.room.key {
            RoomKey::Path => format!("{}:{id}", self.room.scope),
            RoomKey::Caller | RoomKey::Customer => self.room.scope.to_owned(),
        }
    }

    /// Says that it is followed from here on, live only.
    fn subscribed(&self, id: Uuid) -> Utf8Bytes {
        ServerFrame::Subscribed {
            scope: &self.scope(id),
            last_seq: 0,
            last_note_seq: None,
        }
        .text()
    }

    /// Whether its manager lets this caller into their own only.
    pub(super) fn is_confined(&self, grant: &Grant) -> bool {
        let target = Target {
            service: self.service,
            route: &self.route,
            path: self.route.template,
        };
        self.room.key == RoomKey::Path && grant.reach(&target) == Reach::Own
    }
}

fn may(grant: &Grant, kind: &RoomKind) -> Result<()> {
    if grant.account_id().is_some() {
        return Err(Error::permission_denied(
            "SCOPE_REQUIRED",
            "Keys that are bound to an account cannot follow this.",
        ));
    }
    let target = Target {
        service: kind.service,
        route: &kind.route,
        path: kind.route.template,
    };
    grant.allow(&target)?;
    // Of one room its manager says whether it is the caller's; these are everybody's.
    if kind.room.key == RoomKey::Customer && grant.reach(&target) == Reach::Own {
        return Err(Error::permission_denied(
            "ROLE_NOT_ALLOWED",
            "The role agent may not follow this.",
        ));
    }
    Ok(())
}

/// What is read of an event, once for all rooms.
struct Seen<'e> {
    fields: HashMap<&'e str, &'e RawValue>,
}

impl<'e> Seen<'e> {
    fn read(data: &'e RawValue) -> Self {
        Self {
            fields: serde_json::from_str(data.get()).unwrap_or_default(),
        }
    }

    /// The room that it belongs to.
    fn id(&self, topic: &Topic) -> Option<Uuid> {
        if topic.field.is_empty() {
            return Some(Uuid::nil());
        }
        serde_json::from_str(self.fields.get(topic.field)?.get()).ok()
    }

    fn whole(&self, field: &str) -> i64 {
        let value = self.fields.get(field);
        value
            .and_then(|value| serde_json::from_str(value.get()).ok())
            .unwrap_or(0)
    }

    fn numbers(&self) -> Numbers {
        Numbers {
            seq: self.whole("seq"),
            note_seq: self.whole("note_seq"),
        }
    }

    fn number(&self, kind: &RoomKind) -> Number {
        let Numbers { seq, note_seq } = self.numbers();
        match (kind.room.is_replayed, seq, note_seq) {
            (true, 1.., _) => Number::Seq(seq),
            (true, _, 1..) => Number::Note(note_seq),
            _ => Number::None,
        }
    }

    fn kind(&self) -> Option<String> {
        serde_json::from_str(self.fields.get("type")?.get()).ok()
    }
}

fn frame(
    kind: &RoomKind,
    topic: &Topic,
    id: Uuid,
    (event, data): (&str, &RawValue),
    seen: &Seen<'_>,
) -> Utf8Bytes {
    if !topic.op.is_empty() {
        return named(topic.op, data);
    }
    let scope = kind.scope(id);
    let told = seen.kind();
    ServerFrame::Ev {
        scope: &scope,
        numbers: seen.numbers(),
        r#type: told.as_deref().unwrap_or(event),
        data,
    }
    .text()
}
