//! What sockets of the bridge may follow, say and see: declared beside the routes, so that the bridge knows none by name.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::Routes;

/// Something that sockets follow by a scope of its own, such as `conversation:<id>`. The route that declares it is asked
/// whether the caller may, and where it is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What clients subscribe to: `conversation` for `conversation:<id>` where the route has a placeholder, else the
    /// whole scope.
    pub scope: &'static str,
    /// Which events belong to it.
    pub topics: &'static [Topic],
    /// Whose they are.
    pub key: RoomKey,
    /// The route answers `{ok, last_seq, last_note_seq, oldest_seq, events}` to `after_seq` and `after_note_seq`, and
    /// nothing is told twice or left out.
    pub is_replayed: bool,
    /// Events whose data has this `type` may take the room from whoever sees their own only: the route is asked again
    /// before these are told anything more. Empty where no event does.
    pub asked_again_at: &'static str,
}

impl Room {
    /// Whether an event whose data has this `type` may take it from whoever sees their own only.
    pub fn takes_away(&self, kind: Option<&str>) -> bool {
        !self.asked_again_at.is_empty() && kind == Some(self.asked_again_at)
    }
}

/// Which of the events of its topics belong to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomKey {
    /// Those whose field has the id in the scope.
    Path,
    /// Those whose field has the caller's own id.
    Caller,
    /// All of the customer's.
    Customer,
}

/// Events of a manager that belong to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    /// The resource in their routing keys, e.g. `offer`.
    pub name: &'static str,
    /// The field of their data that says where they belong; empty where all do.
    pub field: &'static str,
    /// The frame that they become, whose fields are their data; empty = `ev`.
    pub op: &'static str,
}

/// A frame of clients that becomes a request: its field `x_id` fills the placeholder `<x-id>`, and the others are the body.
/// With a `ref` it has one effect, however often it is sent, and the answer has it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// The frame, e.g. `msg`.
    pub name: &'static str,
    /// The frame that the answer becomes; empty = the client is told of refusals only.
    pub answer: &'static str,
    /// More often than once in so long a socket is not listened to; 0 = always.
    pub pause: Duration,
    /// The body has the connection's id, too, as `connection_id`.
    pub has_connection: bool,
}

/// Frames of another protocol on a socket of its own, each carried to the route as a
/// [`Frame`](crate::models::frame::Frame), with [`Frames`](crate::models::frame::Frames) for an answer. The manager says
/// who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carrier {
    /// Where clients connect.
    pub path: &'static str,
    /// The subprotocol (RFC 6455, 1.9) that they must speak.
    pub protocol: &'static str,
}

/// What one account sees of an event.
#[derive(Debug, Clone)]
pub struct AccountView {
    /// The account.
    pub account_id: Uuid,
    /// The data that it is told.
    pub data: Box<RawValue>,
}

impl AccountView {
    /// This thing as the account may see it; nothing where it cannot be written.
    pub fn new(account_id: Uuid, seen: &impl Serialize) -> Option<Self> {
        let data = to_raw_value(seen).ok()?;
        Some(Self { account_id, data })
    }
}

/// Makes of an event's data what each account of it may see. What no account may see has no view.
#[derive(Debug, Clone, Copy)]
pub struct Views(fn(&str) -> Vec<AccountView>);

impl Views {
    /// The views of an event's data.
    pub fn of(self, data: &str) -> Vec<AccountView> {
        (self.0)(data)
    }
}

impl PartialEq for Views {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for Views {}

/// How visitors are known by tokens: declared on the route that verifies them.
///
/// The bridge posts `{"token", "origin"}` and is told `{"id", "customer_id", "token"}`: the last one is the token from now on,
/// where the given one is soon over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitorIdentity {
    /// The resource in the routing keys of events after which one token, whose `id` they have, is looked at again.
    pub topic: &'static str,
    /// Resources, of whatever manager, after whose events all tokens of their customer are looked at again.
    pub customer_topics: &'static [&'static str],
}

/// Words about sockets; each is about the route before it.
impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// Sockets may follow what this route tells of.
    #[must_use]
    pub fn room(self, room: Room) -> Self {
        self.edge(|edge| edge.room = Some(room))
    }

    /// A frame of sockets is passed on to this route.
    #[must_use]
    pub fn op(self, op: Op) -> Self {
        self.edge(|edge| edge.op = Some(op))
    }

    /// Frames of another protocol are carried to this route, which is served in no other way.
    #[must_use]
    pub fn carries(self, carrier: Carrier) -> Self {
        self.edge(|edge| {
            edge.is_internal = true;
            edge.carrier = Some(carrier);
        })
    }

    /// Keys that are bound to an account may follow the list, too: of each event they get what `views` makes for them.
    #[must_use]
    pub fn stream_views(self, views: fn(&str) -> Vec<AccountView>) -> Self {
        self.edge(|edge| {
            if let Some(stream) = &mut edge.stream {
                stream.views = Some(Views(views));
            }
        })
    }

    /// Visitors may ask over a socket, too. The handler confines them to their session. A public route that says so counts
    /// against the rate of the session whose id is in its path.
    #[must_use]
    pub fn for_visitors(self) -> Self {
        self.edge(|edge| edge.is_for_visitors = true)
    }

    /// The bridge asks here whose a visitor's token is. Only one route of an installation says so.
    #[must_use]
    pub fn verifies_visitors(self, identity: VisitorIdentity) -> Self {
        self.edge(|edge| edge.visitors = Some(identity))
    }
}
