//! Connections: how many, how long, how large their headers; and how they end.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

/// Connections at once; more wait in the system's backlog.
const CONNECTIONS_MAX: usize = 1_024;
/// Time for the headers of a request, also of the next one on the same connection.
const HEADERS_TIME_MAX: Duration = Duration::from_secs(10);
const HEADERS_MAX: usize = 64;
/// Headers of this size, in bytes, are always read; what is more than twice as large never is.
const HEADERS_BYTES: usize = 16 * 1024;
/// A connection is closed after its request then; so no caller holds one for ever by reading slowly.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(600);
/// Time for requests under way when the connection is to end.
const DRAIN_MAX: Duration = Duration::from_secs(15);
/// Pause after the system refused a connection, e.g. for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` until `stop`, then finishes the requests under way.
pub async fn serve(listener: TcpListener, app: Router, stop: CancellationToken) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, permit)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (app, stop) = (app.clone(), stop.clone());
        connections.spawn(async move {
            converse(stream, app, stop).await;
            drop(permit);
        });
    }
    // From here on nobody is let in.
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(fault) => {
            warn!(%fault, "connection not accepted");
            None
        }
    }
}

/// One connection, with one request after the other.
async fn converse(stream: TcpStream, app: Router, stop: CancellationToken) {
    // Without it a small answer may wait for more to send.
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIME_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADERS_BYTES);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
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
