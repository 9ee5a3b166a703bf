//! Sockets of a protocol that the bridge does not speak: each frame is carried to the manager that does, and what it
//! answers goes back. Who may do what, the manager says.
//!
//! Invariants: at most [`AT_ONCE`] frames of a socket are on their way, so whoever sends faster waits; each counts against
//! the rate of its address. A frame that no manager took is not answered, as on a network that loses it.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{
        FromRequestParts, Request,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use bin_common_handler::{
    httpserver::{Caller, Connection},
    ids,
    models::{
        error::{Error, Result},
        frame::{Frame, Frames},
        sock,
    },
    requesthandler::Requester,
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::value::to_raw_value;
use tokio::time::{Duration, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use uuid::Uuid;

use super::{
    READ_BUFFER, Sockets, WRITE_BUFFER_MAX,
    wire::{End, FrameCount, Liveness, PING_EVERY, linger, send},
};
use crate::bridge::{Limits, NAME, forward::RPC_MAX};

/// Frames of one socket that are on their way.
const AT_ONCE: usize = 16;
/// Largest frame, in bytes.
const FRAME_MAX: usize = 64 * 1024;
/// How long a goodbye may take to be taken.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Where the frames of a socket go.
pub(in crate::bridge) struct Carried {
    /// The manager's name.
    pub service: &'static str,
    /// Its route.
    pub uri: &'static str,
    /// The subprotocol.
    pub protocol: &'static str,
    pub requester: Requester,
    pub limits: Arc<Limits>,
}

impl Sockets {
    /// Makes a socket of a request whose frames are carried to a manager.
    ///
    /// # Errors
    /// 403 `ORIGIN_NOT_ALLOWED` for a page that may not, 400 for what is no handshake, or of another subprotocol.
    pub(in crate::bridge) async fn carry(
        &self,
        request: Request,
        carried: Carried,
    ) -> Result<Response> {
        let (mut head, _) = request.into_parts();
        self.origins.check(&head.headers)?;
        let caller = head.extensions.get::<Caller>().map(|caller| caller.address);
        if !speaks(&head.headers, carried.protocol) {
            return Err(Error::invalid_argument(
                "SUBPROTOCOL_REQUIRED",
                format!(
                    "This address speaks the subprotocol {} only.",
                    carried.protocol
                ),
            ));
        }
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
        let line = Line {
            id: ids::next(),
            address: caller.unwrap_or(IpAddr::from([0, 0, 0, 0])),
            stop: self.stop.clone(),
            carried,
        };
        let place = (connection, self.tracker.token());
        let upgrade = upgrade
            .protocols([line.carried.protocol])
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BUFFER_MAX)
            .max_message_size(FRAME_MAX)
            .max_frame_size(FRAME_MAX);
        let response = upgrade.on_upgrade(async move |socket| {
            line.run(socket).await;
            drop(place);
        });
        Ok(response.into_response())
    }
}

/// Whether the client offers a subprotocol.
fn speaks(headers: &HeaderMap, protocol: &str) -> bool {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|word| word.trim() == protocol)
}

/// One socket.
struct Line {
    id: Uuid,
    address: IpAddr,
    stop: CancellationToken,
    carried: Carried,
}

impl Line {
    async fn run(self, mut socket: WebSocket) {
        let end = self.converse(&mut socket).await;
        debug!(connection_id = %self.id, code = end.code(), "socket ended");
        if end == End::Left {
            return;
        }
        let close = CloseFrame {
            code: end.code(),
            reason: Utf8Bytes::default(),
        };
        let said = timeout(GOODBYE_MAX, socket.send(Message::Close(Some(close)))).await;
        if said.is_ok() {
            linger(&mut socket).await;
        }
    }

    async fn converse(&self, socket: &mut WebSocket) -> End {
        let mut pings = interval(PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once.
        pings.reset();
        let (mut liveness, mut count) = (Liveness::default(), FrameCount::default());
        let mut asked = FuturesUnordered::new();
        loop {
            let has_room = asked.len() < AT_ONCE;
            let step = tokio::select! {
                () = self.stop.cancelled() => Err(End::Restart),
                received = socket.recv(), if has_room => {
                    liveness.heard();
                    match bytes(received) {
                        Ok(Some(frame)) => {
                            asked.push(self.ask(frame));
                            Ok(())
                        }
                        // Those are not counted against the address.
                        Ok(None) => count.add(),
                        Err(end) => Err(end),
                    }
                }
                Some(frames) = asked.next() => answer(socket, frames).await,
                () = liveness.lost() => Err(End::Idle),
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

    /// What the manager answers to a frame; nothing where it is away, or the address asks too often.
    async fn ask(&self, frame: Vec<u8>) -> Frames {
        let carried = &self.carried;
        let asked = async {
            carried.limits.take_address(self.address).await?;
            let frame = Frame::new(self.id, self.address, &frame);
            let mut request = sock::Request::new(sock::Method::Post, carried.uri, NAME);
            request.request_id = ids::next().to_string();
            request.data = Some(to_raw_value(&frame).map_err(Error::internal)?);
            "application/json".clone_into(&mut request.data_type);
            let reply = carried
                .requester
                .send(carried.service, &request, RPC_MAX)
                .await?;
            if reply.status_code >= 400 {
                return Err(Error::from_reply(&reply));
            }
            serde_json::from_str(reply.body()).map_err(Error::internal)
        };
        let answered: Result<Frames> = asked.await;
        answered.unwrap_or_else(|error| {
            debug!(%error, connection_id = %self.id, "a frame was not carried");
            Frames::default()
        })
    }
}

async fn answer(socket: &mut WebSocket, frames: Frames) -> Result<(), End> {
    for frame in frames.frames {
        send(socket, Message::Text(frame.into())).await?;
    }
    Ok(())
}

/// The bytes of a frame; nothing for what the library answers by itself.
fn bytes(received: Option<Result<Message, axum::Error>>) -> Result<Option<Vec<u8>>, End> {
    match received {
        Some(Ok(Message::Text(text))) => Ok(Some(text.as_bytes().to_vec())),
        Some(Ok(Message::Binary(bytes))) => Ok(Some(bytes.to_vec())),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_))) | None => Err(End::Left),
        Some(Err(fault)) => Err(End::of_fault(&fault)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some("sip"), true)]
    #[case(Some("chat, sip"), true)]
    #[case(Some("sips"), false)]
    #[case(None, false)]
    fn a_client_offers_the_subprotocol(#[case] offered: Option<&'static str>, #[case] is: bool) {
        let mut headers = HeaderMap::new();
        if let Some(offered) = offered {
            let value = HeaderValue::from_static(offered);
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        assert_eq!(speaks(&headers, "sip"), is);
    }
}
