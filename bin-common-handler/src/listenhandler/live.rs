//! What sockets of the bridge may say, and see: declared beside the routes, so that the bridge knows none by name.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::Routes;

/// A frame of clients that becomes a request: its field `x_id` fills the placeholder `<x-id>`, and the others are the
/// body. With a `ref` it has one effect, however often it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// The frame, e.g. `msg`.
    pub name: &'static str,
    /// The frame that the answer becomes; empty = the client is told of refusals only.
    pub answer: &'static str,
    /// More often than once in so long a socket is not listened to; 0 = always.
    pub pause: Duration,
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

/// Words about sockets; each is about the route before it.
impl<S: Clone + Send + Sync + 'static> Routes<S> {
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
}
