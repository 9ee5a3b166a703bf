//! Connections: each request is answered, held or dropped as its fault says.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value as Json;
use tokio::net::{TcpListener, TcpStream};

use crate::{
    api, control, pictures,
    state::{Fault, Route, Shared},
};

/// Largest body of a request, in bytes.
const BODY_MAX: usize = 1024 * 1024;
/// How long somebody may take to send the head of a request.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// Pause after the system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A request that was read.
pub(crate) struct Asked {
    pub method: Method,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    /// The first parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }
}

/// What is answered.
pub(crate) struct Told {
    pub status: StatusCode,
    pub body: Json,
}

impl Told {
    pub const fn ok(body: Json) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }

    pub const fn created(body: Json) -> Self {
        Self {
            status: StatusCode::CREATED,
            body,
        }
    }

    /// As the carrier refuses: its own code, and the HTTP status.
    pub fn refused(status: StatusCode, code: u32, message: &str) -> Self {
        let body = serde_json::json!({
            "code": code, "message": message, "status": status.as_u16(),
            "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
        });
        Self { status, body }
    }

    pub fn unknown() -> Self {
        Self::refused(StatusCode::NOT_FOUND, 20404, "not found")
    }
}

pub(crate) fn first<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    let mut fields = fields.iter();
    fields
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

/// Serves until the carrier stops.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let stop = shared.stop.clone();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                let tasks = shared.tasks.clone();
                tasks.spawn(connection(stream, shared));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let stop = shared.stop.clone();
    // Small answers leave at once; without it, each would wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // A connection that breaks is its caller's to notice.
    let _ = stop.run_until_cancelled(served).await;
}

/// An error ends the connection without an answer.
async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_MAX).collect().await;
    let body = body.map_err(io::Error::other)?.to_bytes();
    let query = head.uri.query().unwrap_or_default();
    let asked = Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: bin_common_handler::listenhandler::form_fields(query.as_bytes()).collect(),
        headers: head.headers,
        body,
    };
    if asked.path.starts_with(control::PATH) {
        return Ok(written(control::answer(&asked, &shared)));
    }
    if let Some(picture) = pictures::answer(&asked, &shared) {
        return Ok(picture);
    }
    let Some(route) = api::route(&asked) else {
        return Ok(written(Told::unknown()));
    };
    let (fault, latency) = shared.change(|state| (state.fault(route), state.latency));
    tokio::time::sleep(latency).await;
    faulty(fault, route, &asked, &shared).await
}

async fn faulty(
    fault: Option<Fault>,
    route: Route,
    asked: &Asked,
    shared: &Arc<Shared>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    match fault {
        None => Ok(written(api::answer(route, asked, shared))),
        Some(Fault::Status(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Ok(written(Told::refused(status, 20500, "as a test wants it")))
        }
        Some(Fault::Code(code)) => Ok(written(Told::refused(
            StatusCode::BAD_REQUEST,
            code,
            "as a test wants it",
        ))),
        Some(Fault::Hang) => {
            shared.stop.cancelled().await;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Some(Fault::AcceptThenDrop) => {
            api::answer(route, asked, shared);
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Some(Fault::AcceptThenHang) => {
            api::answer(route, asked, shared);
            shared.stop.cancelled().await;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Some(Fault::Drop) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

fn written(told: Told) -> Response<Full<Bytes>> {
    let body = if told.status == StatusCode::NO_CONTENT {
        Bytes::new()
    } else {
        Bytes::from(told.body.to_string())
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = told.status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    response
}
