//! Live events: `GET /ws/v1/events`, a WebSocket (RFC 6455) on which a client follows lists and rooms, and says what
//! managers want to hear; `GET /ws/v1/conversations/<id>` is the same for one conversation alone.
//!
//! A list route says with `.stream(scope, topic)` that it can be followed. Who may read the list may subscribe to
//! its scope, and gets the events of its own tenant; the operator gets everybody's. The protocol is one JSON object
//! per frame ([`frames`]). A client authenticates by a header, by `Sec-WebSocket-Protocol: bearer, <token>`, or by
//! its first frame; never in the URL, which proxies log.
//!
//! Life cycle: a handshake makes a [`session`], which registers an outbox at the [`hub`] for each scope. The hub
//! hears the managers' events once for the process, serialises each once, and puts it into the outboxes. Invariants:
//! an outbox holds at most [`outbox::BYTES_MAX`] bytes, and a socket that lets it fill up is closed, so nobody waits
//! for a slow reader. A socket holds its place among the port's connections until it ends. Events of lists are live
//! only: what was missed is read by the list. Those of a [`rooms`] room that has numbers are told in their order, each
//! once and none left out ([`member`]): what is missing is fetched from the manager, so any bridge resumes any client.
//! Sockets of another protocol are carried to the manager that speaks it ([`carried`]).
//!
//! Which rooms there are and which frames become requests stands in the route tables
//! ([`bin_common_handler::listenhandler::Room`], [`bin_common_handler::listenhandler::Op`]).

mod carried;
mod frames;
mod hub;
mod manager;
mod member;
mod origin;
mod outbox;
mod patience;
mod replay;
mod rooms;
mod scope;
mod session;
mod told;
mod visitors;
mod wire;

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, Request, ws::WebSocketUpgrade},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use bin_common_handler::{
    httpserver::Connection,
    models::error::{Error, Result},
};

use super::keys;
pub(super) use carried::Carried;
pub(super) use hub::Hub;
pub(super) use manager::Managers;
pub use origin::Origins;
use session::{Identity, PageOrigin, Session};

/// Where clients connect.
const PATH: &str = "/ws/v1/events";
/// What stands before the path of a room.
const ROOT: &str = "/ws";
/// The subprotocol whose next word is the token, as browsers cannot set headers.
const BEARER: &str = "bearer";
/// Largest frame of a client, in bytes.
const FRAME_MAX: usize = 64 * 1024;
/// What the library keeps for a socket that is silent, in bytes.
const READ_BUFFER: usize = 4 * 1024;
/// What it may hold back of what is written, in bytes; the outbox is bounded by itself.
const WRITE_BUFFER_MAX: usize = 2 * FRAME_MAX;
/// How long sockets may take to say goodbye at a stop.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// The sockets of a bridge. Clones share them.
#[derive(Clone)]
pub struct Sockets {
    hub: Arc<Hub>,
    managers: Arc<Managers>,
    origins: Arc<Origins>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Sockets {
    pub(super) fn new(hub: Hub, managers: Arc<Managers>, origins: Origins) -> Self {
        Self {
            hub: Arc::new(hub),
            managers,
            origins: Arc::new(origins),
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
        }
    }

    pub(super) fn with_origins(self, origins: Origins) -> Self {
        Self {
            origins: Arc::new(origins),
            ..self
        }
    }

    /// What is at a path: everything, or one room.
    pub(super) fn place(&self, path: &str) -> Option<At> {
        if path == PATH {
            return Some(At::Everything);
        }
        let room = path.strip_prefix(ROOT)?;
        self.hub.rooms().scope_at(room).map(At::Room)
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Tells every client to come again elsewhere, and waits a moment until they have gone.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tracker.close();
        let _ = timeout(CLOSE_MAX, self.tracker.wait()).await;
    }

    /// Makes a socket of a request.
    ///
    /// # Errors
    /// 403 `ORIGIN_NOT_ALLOWED` for a page that may not, 400 `UPGRADE_REQUIRED` for what is no handshake.
    pub(super) async fn upgrade(
        &self,
        request: Request,
        keys: &Arc<keys::Keys>,
        at: At,
    ) -> Result<Response> {
        let (mut head, _) = request.into_parts();
        let shown = token(&head.headers);
        // A visitor's token says itself which pages may show it, and so may one that is still to come.
        let origin = match self.origins.check(&head.headers) {
            Ok(()) => PageOrigin::Allowed(origin(&head.headers)),
            Err(_) if shown.as_deref().is_none_or(keys::is_visitors) => {
                PageOrigin::Foreign(origin(&head.headers).unwrap_or_default())
            }
            Err(refused) => return Err(refused),
        };
        let upgrade = WebSocketUpgrade::from_request_parts(&mut head, &())
            .await
            .map_err(|fault| {
                Error::invalid_argument(
                    "UPGRADE_REQUIRED",
                    "This address takes WebSocket connections only.",
                )
                .caused_by(fault)
            })?;
        let connection = head.extensions.get::<Connection>().map(Connection::hold);
        let session = Session::new(
            (Arc::clone(&self.hub), Arc::clone(&self.managers)),
            Identity {
                keys: Arc::clone(keys),
                token: shown,
                origin,
            },
            at,
            self.stop.clone(),
        );
        let place = (connection, self.tracker.token());
        let upgrade = upgrade
            .protocols([BEARER])
            .read_buffer_size(READ_BUFFER)
            // Nothing is held back: each frame is flushed as it is sent.
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BUFFER_MAX)
            .max_message_size(FRAME_MAX)
            .max_frame_size(FRAME_MAX);
        let response = upgrade.on_upgrade(async move |socket| {
            session.run(socket).await;
            drop(place);
        });
        Ok(response.into_response())
    }
}

/// The page that connects, where it is one.
fn origin(headers: &HeaderMap) -> Option<String> {
    let origin = headers.get(header::ORIGIN)?;
    Some(String::from_utf8_lossy(origin.as_bytes()).into_owned())
}

/// What a socket is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    /// All that its key may.
    Everything,
    /// One room, by its scope.
    Room(String),
}

/// The token in the headers, or behind the subprotocol's name.
fn token(headers: &HeaderMap) -> Option<String> {
    let from_header = keys::shown(headers).and_then(|key| std::str::from_utf8(key).ok());
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL);
    let from_protocol = protocols
        .and_then(|value| value.to_str().ok())
        .and_then(|value| {
            let mut words = value.split(',').map(str::trim);
            (words.next() == Some(BEARER)).then(|| words.next())?
        });
    from_header.or(from_protocol).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], None)]
    #[case(&[("sec-websocket-protocol", "bearer, abc")], Some("abc"))]
    #[case(&[("sec-websocket-protocol", "bearer")], None)]
    #[case(&[("sec-websocket-protocol", "chat, abc")], None)]
    #[case(&[("x-api-key", "k"), ("sec-websocket-protocol", "bearer, abc")], Some("k"))]
    #[case(&[("authorization", "Bearer t")], Some("t"))]
    fn the_token_stands_in_a_header_or_behind_bearer(
        #[case] given: &[(&'static str, &'static str)],
        #[case] expected: Option<&str>,
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        assert_eq!(token(&headers).as_deref(), expected);
    }
}
