//! The one way a port is served: how many connections, whose, for how long; and how they end.
//!
//! A connection that waits, for the first bytes of a request or for the next request, costs its caller nothing and
//! the process a descriptor. So its time is short, shorter the fewer connections are left, and the one that has
//! waited longest goes first when all are taken. A request under way is never cut off for another.

mod body;
mod connection;
mod descriptors;
mod head;
mod options;
mod room;
mod seat;
mod unread;
mod wire;

use std::{convert::Infallible, future::Future, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header},
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

pub use body::SlowUpload;
pub use connection::{Connection, Hold};
pub use descriptors::raise as raise_descriptors;
pub use options::{Options, Upload};

use crate::metrics::Metrics;
use body::{Held, Paced};
use room::{Reason, Room, Taken};
use wire::Wire;

const HEADERS_MAX: usize = 64;
/// Headers of this size, in bytes, are always read; what is more than twice as large never is.
const HEADERS_BYTES: usize = 16 * 1024;
/// A connection is closed after its request then; so no caller holds one for ever by reading slowly.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(600);
/// Time for requests under way when the connection is to end.
const DRAIN_MAX: Duration = Duration::from_secs(15);
/// Pause after the system refused a connection, e.g. for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Pause for each connection that was closed for another.
const CLOSED_PAUSE: Duration = Duration::from_micros(200);
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// Answers are about now and about one caller: nobody in between may keep one.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Serves `app` until `stop`, then finishes the requests under way.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    options: Options,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let room = Arc::new(Room::new(options, metrics));
    tokio::select! {
        () = stop.cancelled() => {}
        () = accept_all(&listener, &room, &app, &connections, &stop) => {}
        () = room.watch() => {}
    }
    // From here on nobody is let in.
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn accept_all(
    listener: &TcpListener,
    room: &Arc<Room>,
    app: &Router,
    connections: &TaskTracker,
    stop: &CancellationToken,
) {
    let mut pace = Pace::default();
    loop {
        pace.closed(room.make_room().await).await;
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(fault) => {
                debug!(%fault, "connection not accepted");
                room.count(Reason::Descriptors, 1);
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match room.seat(address.ip()) {
            Ok((seat, closed)) => {
                let (app, stop) = (app.clone(), stop.clone());
                let upload = room.options().upload;
                connections.spawn(async move { converse(stream, seat, app, upload, stop).await });
                pace.closed(closed).await;
            }
            Err(()) => {
                // Best effort: the caller may read why, or see the connection closed.
                let _ = stream.try_write(head::BUSY);
                drop(stream);
                pace.closed(1).await;
            }
        }
    }
}

/// Keeps who opens connections again at once from taking the processor instead.
#[derive(Default)]
struct Pace {
    owed: Duration,
}

impl Pace {
    async fn closed(&mut self, connections: u32) {
        self.owed = self.owed.saturating_add(CLOSED_PAUSE * connections);
        // Shorter ones would take longer than they say.
        if self.owed >= PAUSE_MIN {
            sleep(std::mem::take(&mut self.owed)).await;
        }
    }
}

/// One connection, with one request after the other.
async fn converse(
    stream: TcpStream,
    seat: Taken,
    app: Router,
    upload: options::Upload,
    stop: CancellationToken,
) {
    // Without it a small answer may wait for more to send.
    let _ = stream.set_nodelay(true);
    let app = TowerToHyperService::new(app);
    let mut builder = http1::Builder::new();
    // How long a head may take is the room's business, which knows how many others wait.
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADERS_BYTES);
    let seat = Arc::new(seat);
    let service = service_fn(|request| answer(&app, &seat, upload, request));
    let wire = Wire::new(stream, Arc::clone(seat.seat()));
    let connection = builder
        .serve_connection(TokioIo::new(wire), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = seat.seat().closed() => return,
        () = stop.cancelled() => None,
        () = sleep(CONNECTION_AGE_MAX) => None,
    };
    let ended = match ended {
        Some(ended) => Ok(ended),
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(DRAIN_MAX, connection).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => debug!(%fault, "connection ended early"),
        Err(_) => warn!("a request was not answered before the connection had to end"),
    }
}

/// Who asks, and for what; stands in a request's extensions.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The address of its connection; of the sixth version only its network.
    pub address: IpAddr,
    /// The target as it was sent, before its path was tidied.
    pub target: Uri,
}

/// One request, from its head to the end of its answer.
fn answer(
    app: &TowerToHyperService<Router>,
    taken: &Arc<Taken>,
    upload: options::Upload,
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
    let framing = head::framing(&request);
    let ends_here = framing == wire::Framing::Unknown;
    // Another request may follow behind the body.
    let is_followed = matches!(framing, wire::Framing::Length(1..)) && !is_last(request.headers());
    let waits_for_call = request.headers().contains_key(header::EXPECT);
    let mut unread = None;
    let seat = taken.seat();
    if request.headers().contains_key(header::UPGRADE) {
        request.extensions_mut().insert(Connection::new(taken));
    }
    let caller = Caller {
        address: seat.address,
        target: request.uri().clone(),
    };
    request.extensions_mut().insert(caller);
    let (busy, is_loose) = seat.begin(framing);
    let name = seat.listener();
    let answered = match head::check(&request, is_loose) {
        Err(refusal) => Err(refusal),
        Ok(()) => {
            let request = head::tidy(request).map(|body| {
                if !is_followed {
                    return Body::new(Paced::new(body, upload));
                }
                let (body, rest) = unread::lend(body);
                unread = Some(rest);
                Body::new(Paced::new(body, upload))
            });
            Ok(app.call(request))
        }
    };
    async move {
        let mut response = match answered {
            Ok(answered) => answered.await?,
            Err(refusal) => refusal.answer(name),
        };
        // Nobody reads the rest of a body that is too large, so nothing can follow it.
        let mut ends_here = ends_here || response.status() == StatusCode::PAYLOAD_TOO_LARGE;
        if let Some(rest) = unread.filter(|_| !ends_here) {
            ends_here = !rest.drain(waits_for_call).await;
        }
        let headers = response.headers_mut();
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
        if ends_here {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| Body::new(Held::new(body, busy))))
    }
}

/// Whether the caller says that no request follows.
fn is_last(headers: &HeaderMap) -> bool {
    let mut said = headers.get_all(header::CONNECTION).iter();
    said.any(|it| it.as_bytes().eq_ignore_ascii_case(b"close"))
}
