//! The transport: requests in, replies out, events both ways. RabbitMQ, or inside this process.

mod admission;
mod bindings;
pub mod inprocess;
pub mod rabbitmq;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    context::DeliveryInfo,
    health::Health,
    models::{
        error::{Error, Result},
        sock::{Event, Request, Response},
        time::Timestamp,
    },
    trace::TraceContext,
};

pub use bindings::{Bindings, Changes, Held, socket_key, socket_key_of_all};

/// The durable topic exchange of all events.
pub const EVENT_EXCHANGE: &str = "bin-manager.event";
/// The durable topic exchange of the same events for sockets, by [`socket_key`]: a bridge binds what somebody follows.
pub const SOCKET_EXCHANGE: &str = "bin-manager.socket";
/// Where delayed requests go, when the broker has the plugin.
pub const DELAY_EXCHANGE: &str = "bin-manager.delay";

/// Requests that one consumer works on at a time, per queue.
pub const CONCURRENCY: usize = 64;
/// Seconds a drain may take before what is left is handed back to the broker.
pub const DRAIN_MAX: Duration = Duration::from_secs(20);
/// When a failed event or deferred request is tried again, in order; after the last it is parked.
pub const RETRIES: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
];

/// `bin-manager.<name>.request`, e.g. for `outdial-manager`.
pub fn request_queue(name: &str) -> String {
    format!("bin-manager.{name}.request")
}

/// `bin-manager.<name>.event`, the fanout for older listeners.
pub fn event_fanout(name: &str) -> String {
    format!("bin-manager.{name}.event")
}

/// `bin-manager.<name>.subscribe`.
pub fn subscribe_queue(name: &str) -> String {
    format!("bin-manager.{name}.subscribe")
}

/// A request as it came off the queue.
#[derive(Debug, Default)]
pub struct Delivered {
    /// The envelope, unparsed.
    pub body: Vec<u8>,
    /// How the body is packed; empty when it is not.
    pub encoding: String,
    /// How it came.
    pub delivery_info: DeliveryInfo,
    /// After this nobody waits for the reply.
    pub deadline: Option<Timestamp>,
    /// It may be older than its caller's patience: waiting before we came, or delivered again.
    pub maybe_late: bool,
}

/// Serves requests. The router is the one implementation; tests have others.
#[async_trait]
pub trait Serve: Send + Sync + 'static {
    /// Answers a request; nothing when it was dropped and nobody waits.
    async fn serve(&self, delivered: Delivered, probe: &dyn Probe) -> Option<Response>;

    /// The setting that gives the service another name, where its queue must not be shared with a foreign one.
    fn renamed_by(&self) -> Option<&'static str> {
        None
    }
}

/// Asks whether a caller still waits.
#[async_trait]
pub trait Probe: Send + Sync {
    /// True when the reply queue is known to be gone.
    async fn is_gone(&self, reply_to: &str) -> bool;
}

/// One event on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// `<publisher>.<resource>.<id>.<action>`.
    pub routing_key: String,
    /// The stable event id.
    pub message_id: String,
    /// The entity's version, in the header `x-version`.
    pub version: i64,
    /// The tenant, in the header `x-customer-id`.
    pub customer_id: Option<Uuid>,
    /// The trace of the change, in the header `traceparent`.
    pub trace: Option<TraceContext>,
    /// The envelope.
    pub body: Vec<u8>,
}

impl Outgoing {
    /// Under which sockets hear it: customer, and kind of thing that it is about.
    pub fn socket_key(&self) -> String {
        socket_key(self.customer_id, self.kind())
    }

    /// The kind of thing that it is about, e.g. `conversation`.
    pub fn kind(&self) -> &str {
        self.routing_key.split('.').nth(1).unwrap_or_default()
    }
}

/// The right to publish a manager's events, held by one replica at a time.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait PublisherLease: Send {
    /// Publishes in order and waits for the confirms: for each event whether it was confirmed.
    /// Stops sending at the first failure.
    async fn publish(&mut self, events: &[Outgoing]) -> Vec<bool>;

    /// False when the right is lost: then another replica may hold it.
    fn is_held(&self) -> bool;

    /// Ends when another replica rang.
    async fn woken(&mut self);

    /// Hands a request to another service's queue, e.g. a webhook; true when the bus has taken it.
    async fn forward(&mut self, queue: &str, message_id: &str, body: Vec<u8>) -> bool;
}

/// A received event and where it came from.
#[derive(Debug, Clone)]
pub struct ReceivedEvent {
    /// The envelope.
    pub event: Event,
    /// The topic, e.g. `outdial-manager.outdial.<id>.created`.
    pub routing_key: String,
    /// The stable event id; empty from older services.
    pub message_id: String,
    /// The entity's version in µs, when told.
    pub version: Option<i64>,
    /// The tenant, when told.
    pub customer_id: Option<Uuid>,
    /// The trace of the change, when told.
    pub trace: Option<TraceContext>,
}

impl ReceivedEvent {
    /// The entity, as the listener knows it.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T> {
        let data = self.event.data.as_ref().map_or("null", |data| data.get());
        serde_json::from_str(data).map_err(Error::internal)
    }
}

/// An event as it came, not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The topic; older services' fanouts have none.
    pub routing_key: String,
    /// The stable event id; empty from older services.
    pub message_id: String,
    /// The entity's version in µs, when told.
    pub version: Option<i64>,
    /// The tenant, when told.
    pub customer_id: Option<Uuid>,
    /// The trace of the change, when told.
    pub trace: Option<TraceContext>,
    /// The envelope.
    pub body: Vec<u8>,
}

/// Keeps events until they are worked on.
#[async_trait]
pub trait Collect: Send + Sync + 'static {
    /// Keeps all of them, in their order, or none; those that it has already only once. The bus forgets them
    /// when this is done.
    ///
    /// # Errors
    /// When they cannot be kept now: they come again.
    async fn collect(&self, events: Vec<Incoming>) -> Result<()>;
}

/// Takes events.
#[async_trait]
pub trait Receive: Send + Sync + 'static {
    /// Works on one event; an error brings it back later (see [`RETRIES`]).
    ///
    /// # Errors
    /// Whatever should be tried again.
    async fn receive(&self, event: ReceivedEvent) -> Result<()>;

    /// Events are heard from now on, and some may have been missed until then.
    fn resumed(&self) {}
}

/// Which events are wanted.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Who listens: names the queue.
    pub name: String,
    /// Topics on [`EVENT_EXCHANGE`], `*` one word, `#` any number.
    pub patterns: Vec<String>,
    /// Older services whose fanout is bound too, e.g. `call-manager`.
    pub fanouts: Vec<String>,
    /// True: a queue shared by all replicas that outlives them. False: this process's own, gone with it.
    pub durable: bool,
}

/// Events that are wanted as long as somebody holds their keys.
#[derive(Debug, Clone)]
pub struct Live {
    /// Who listens: names the queue.
    pub name: String,
    /// What is wanted.
    pub bindings: Arc<Bindings>,
}

/// A way to reach other services and be reached.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Consumes the request queue of `name` until `stop`, through every failure of the broker, then finishes
    /// what was delivered. Whether it consumes is told to `health` under `name`.
    async fn serve(
        &self,
        name: &str,
        handler: Arc<dyn Serve>,
        health: Health,
        stop: CancellationToken,
    );

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// 503 when the bus is away, or nobody answered within `timeout`.
    async fn request(&self, queue: &str, request: &Request, timeout: Duration) -> Result<Response>;

    /// Sends a request that is delivered after `delay`; nobody waits for a reply.
    ///
    /// # Errors
    /// 503 when the bus did not take it.
    async fn request_later(&self, queue: &str, request: &Request, delay: Duration) -> Result<()>;

    /// Hands over a request that is worked on later, and tried again while it fails with 5xx or 429 (see
    /// [`RETRIES`]); then it is set aside. `message_id` makes its effect happen once. Done when the broker has
    /// it; inside one process, when it was served.
    ///
    /// # Errors
    /// 503 within a second when the broker does not take it; inside one process, what the service says.
    async fn post(&self, queue: &str, request: &Request, message_id: &str) -> Result<()>;

    /// Takes events until `stop`, for those who may miss some: inside one process nothing waits for a listener that is
    /// away. [`Self::collect`] loses none.
    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn Receive>,
        stop: CancellationToken,
    );

    /// Takes events for those who come and go, until `stop`: whoever holds a key that is ready misses none, but when the
    /// bus is lost ([`Receive::resumed`] says so afterwards).
    async fn follow(&self, live: Live, handler: Arc<dyn Receive>, stop: CancellationToken);

    /// Hands each event that fits a durable subscription to `collector` until `stop`: what was published once this
    /// has returned is not lost, whoever dies when.
    fn collect(
        &self,
        subscription: Subscription,
        collector: Arc<dyn Collect>,
        stop: CancellationToken,
    ) -> BoxFuture<'static, ()>;

    /// Waits for the right to publish the events of `publisher`, unique per database.
    ///
    /// # Errors
    /// 503 when the bus is away, 409 when another replica holds it.
    async fn lease(&self, publisher: &str, database_id: &str) -> Result<Box<dyn PublisherLease>>;

    /// Tells the replica that holds the lease that there is something to publish.
    async fn wake(&self, publisher: &str, database_id: &str);
}
