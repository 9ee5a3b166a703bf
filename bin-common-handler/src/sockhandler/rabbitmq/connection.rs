//! Connections: opened within a time limit, kept by a link, thrown away at the first fault.

use std::{fmt, time::Duration};

use futures_util::{Stream, StreamExt};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::{sync::Mutex, time::Instant};
use tracing::debug;

use super::{address, lenient};
use crate::{backoff::Backoff, redact::Secret};

/// How long the broker may take to accept a connection or answer a method.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// A dead peer is noticed within two of these.
const HEARTBEAT_S: u16 = 10;
/// The client library keeps buffers of 64 frames for each connection; a larger body travels in several.
const SPOKEN_FRAME_BYTES: u32 = 32 * 1024;
/// The broker's default. Named from the start, the buffers are untouched pages until they are used; agreed on later, they
/// are written over, 8 MB of them. A header frame is never split: where a broker takes larger ones, the address says so
/// (`frame_max`).
const HEARD_FRAME_BYTES: u32 = 128 * 1024;
/// A publish or an acknowledgement gives up sooner: an alarm would hold it for ever.
pub(super) const WRITE_MAX: Duration = Duration::from_secs(5);

/// What went wrong on the way to the broker.
#[derive(Debug)]
pub(super) enum Fault {
    /// The client library's own word.
    Amqp(lapin::Error),
    /// No answer in time.
    Timeout,
    /// Tried a moment ago; not yet again.
    Resting,
    /// The broker does not let us in, and what to do about it.
    Refused(String),
    /// Another service consumes what is ours, and what to do about it.
    Foreign(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amqp(error) => write!(f, "{error}"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Refused(advice) | Self::Foreign(advice) => f.write_str(advice),
            Self::Resting => f.write_str("waiting before the next attempt"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<lapin::Error> for Fault {
    fn from(error: lapin::Error) -> Self {
        Self::Amqp(error)
    }
}

impl Fault {
    /// 405: an exclusive queue that another connection holds.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Self::Amqp(error) if error.to_string().contains("RESOURCE_LOCKED")
            || error.to_string().contains("RESOURCE-LOCKED"))
    }
}

/// Every await of the client library has an end.
pub(super) async fn limit<T>(work: impl Future<Output = lapin::Result<T>>) -> Result<T, Fault> {
    limit_to(ANSWER_MAX, work).await
}

/// As [`limit`], with another end.
pub(super) async fn limit_to<T>(
    time: Duration,
    work: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(time, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Fault::Timeout),
    }
}

/// Opens a connection that hears messages of strangers, whatever their headers.
pub(super) async fn connect(address: &Secret, role: &str) -> Result<Connection, Fault> {
    open(address, role, HEARD_FRAME_BYTES).await
}

/// Opens a connection that speaks, and hears only what is meant for it: with a quarter of the buffers.
/// A header frame is never split, so a stranger's large one could not be heard.
pub(super) async fn connect_to_speak(address: &Secret, role: &str) -> Result<Connection, Fault> {
    open(address, role, SPOKEN_FRAME_BYTES).await
}

async fn open(address: &Secret, role: &str, frame_bytes: u32) -> Result<Connection, Fault> {
    let mut uri =
        address::parse(address.expose()).map_err(|fault| Fault::Refused(fault.to_string()))?;
    uri.query.heartbeat = Some(HEARTBEAT_S);
    uri.query.frame_max = uri.query.frame_max.or(Some(frame_bytes));
    let properties =
        ConnectionProperties::default().with_connection_name(format!("tandem {role}").into());
    let connection = limit(lenient::connect(uri.clone(), properties)).await;
    let connection =
        connection.map_err(|fault| match address::advice(&fault.to_string(), &uri) {
            Some(advice) => Fault::Refused(advice),
            None => fault,
        })?;
    debug!(role, "connected to the broker");
    Ok(connection)
}

/// Closes a connection without waiting for ever.
pub(super) async fn close(connection: &Connection) {
    let _ = limit_to(WRITE_MAX, connection.close(200, "bye".into())).await;
}

/// Tells when the broker stops taking publishes (an alarm) and when it takes them again.
pub(super) async fn blocked(
    mut events: impl Stream<Item = lapin::Event> + Unpin,
    mut told: impl FnMut(Option<String>),
) {
    while let Some(event) = events.next().await {
        match event {
            lapin::Event::ConnectionBlocked(reason) => told(Some(reason)),
            lapin::Event::ConnectionUnblocked => told(None),
            _ => {}
        }
    }
}

/// One connection with one channel, opened when needed and again after each fault.
pub(super) struct Link {
    address: Secret,
    role: &'static str,
    state: Mutex<LinkState>,
}

#[derive(Default)]
struct LinkState {
    open: Option<(Connection, Channel)>,
    backoff: Backoff,
    resting_until: Option<Instant>,
}

impl Link {
    pub(super) fn new(address: Secret, role: &'static str) -> Self {
        Self {
            address,
            role,
            state: Mutex::default(),
        }
    }

    /// The shared channel: for publishing to the default exchange only, which cannot close it.
    pub(super) async fn channel(&self) -> Result<Channel, Fault> {
        let mut state = self.state.lock().await;
        self.ensure(&mut state).await?;
        state
            .open
            .as_ref()
            .map(|(_, channel)| channel.clone())
            .ok_or(Fault::Resting)
    }

    /// A channel of one's own on the same connection, for what may fail.
    pub(super) async fn scratch(&self) -> Result<Channel, Fault> {
        let mut state = self.state.lock().await;
        self.ensure(&mut state).await?;
        match &state.open {
            Some((connection, _)) => limit(connection.create_channel()).await,
            None => Err(Fault::Resting),
        }
    }

    /// As [`Self::scratch`]; nothing while an alarm of the broker stops what publishes.
    pub(super) async fn scratch_unless_blocked(&self) -> Result<Option<Channel>, Fault> {
        let state = self.state.lock().await;
        let is_blocked = state
            .open
            .as_ref()
            .is_some_and(|(connection, _)| connection.status().blocked());
        drop(state);
        if is_blocked {
            return Ok(None);
        }
        self.scratch().await.map(Some)
    }

    /// Closes the connection; the next use opens another.
    pub(super) async fn reset(&self) {
        self.state.lock().await.open = None;
    }

    async fn ensure(&self, state: &mut LinkState) -> Result<(), Fault> {
        if let Some((connection, channel)) = &state.open {
            if connection.status().connected() && channel.status().connected() {
                return Ok(());
            }
            state.open = None;
        }
        if state
            .resting_until
            .is_some_and(|until| Instant::now() < until)
        {
            return Err(Fault::Resting);
        }
        match self.open().await {
            Ok(open) => {
                state.open = Some(open);
                state.backoff.reset();
                state.resting_until = None;
                Ok(())
            }
            Err(fault) => {
                state.resting_until = Some(Instant::now() + state.backoff.next_pause());
                Err(fault)
            }
        }
    }

    async fn open(&self) -> Result<(Connection, Channel), Fault> {
        let connection = connect_to_speak(&self.address, self.role).await?;
        let channel = limit(connection.create_channel()).await?;
        Ok((connection, channel))
    }
}
