//! Installations for tests: a manager under a name of its own, on a fresh database, over the real services
//! or on the embedded default, called through the same queue as by anyone else.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use serde_json::Value as Json;
use sqlx::{Connection, Executor};
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    clock::Clock,
    config::{COMMON, Config, Setting},
    daemon::{Manager, Parts, StartError, run_with},
    databasehandler::{Db, Dsn},
    health::Health,
    ids,
    metrics::Metrics,
    models::{
        error::Result,
        sock::{Method, Request, Response},
    },
    redact::Secret,
    sockhandler::{
        Receive, ReceivedEvent, Subscription, Transport, event_fanout, rabbitmq::RabbitMq,
        request_queue,
    },
};

/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// On what an installation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SQLite, bus and cache inside the process.
    Embedded,
    /// RabbitMQ, MariaDB and Redis on their usual local ports.
    Full,
}

/// Where the real services are, from the environment, else on their usual local ports.
pub fn service(name: &str, usual: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "where the tests' services are is no setting of a daemon"
    )]
    std::env::var(name).unwrap_or_else(|_| usual.to_owned())
}

/// The broker's address.
pub fn rabbitmq_address() -> String {
    service("TEST_RABBITMQ_ADDRESS", "amqp://guest:guest@127.0.0.1:5672")
}

/// Redis' address.
pub fn redis_address() -> String {
    service("TEST_REDIS_ADDRESS", "127.0.0.1:6379")
}

/// A database of one's own on the test server, gone with this value's [`Installation::remove`].
pub async fn new_mysql_database() -> String {
    let server = service(
        "TEST_DATABASE_DSN",
        "mysql://tandem:tandem@127.0.0.1:3306/tandem",
    );
    let name = format!("tandem_test_{}", ids::next().simple());
    let mut conn = sqlx::MySqlConnection::connect(&server)
        .await
        .expect("MariaDB answers");
    conn.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .expect("a database is made");
    let base = server
        .rsplit_once('/')
        .map_or(server.as_str(), |(base, _)| base);
    format!("{base}/{name}")
}

/// A manager with its name, database and settings; replicas of it are started with [`Installation::start`].
pub struct Installation {
    /// On what it stands.
    pub kind: Kind,
    /// The manager under its name here.
    pub manager: Manager,
    /// Its settings.
    pub settings: Vec<(&'static str, String)>,
    dir: tempdir::Dir,
    embedded: Option<Parts>,
}

impl Installation {
    /// A fresh database and a name that no other test has.
    pub async fn new(kind: Kind, manager: Manager, settings: &[(&'static str, &str)]) -> Self {
        let dir = tempdir::Dir::new();
        let name: &'static str = format!("{}-{}", manager.name, ids::next().simple()).leak();
        let mut all: Vec<(&'static str, String)> = vec![
            ("DATA_DIR", dir.path().display().to_string()),
            ("PROMETHEUS_LISTEN_ADDRESS", "127.0.0.1:0".to_owned()),
            ("HTTP_LISTEN_ADDRESS", "127.0.0.1:0".to_owned()),
            ("LOG_LEVEL", service("TEST_LOG_LEVEL", "error")),
        ];
        if kind == Kind::Full {
            all.push(("DATABASE_DSN", new_mysql_database().await));
            all.push(("RABBITMQ_ADDRESS", rabbitmq_address()));
            all.push(("REDIS_ADDRESS", redis_address()));
        }
        all.extend(
            settings
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        Self {
            kind,
            manager: Manager { name, ..manager },
            settings: all,
            dir,
            embedded: None,
        }
    }

    /// The settings as a daemon reads them.
    pub fn config(&self) -> Config {
        let table: Vec<Setting> = COMMON
            .iter()
            .chain(self.manager.settings)
            .copied()
            .collect();
        let given: Vec<(&'static str, &str)> = self
            .settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        Config::with_values(&table, &given).expect("test settings are right")
    }

    /// Where its files are.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// The database, for what only a test may look at.
    pub fn db(&self) -> Db {
        let dsn: Dsn = self.config().database().expect("a database");
        Db::new(&dsn, 4).expect("a pool")
    }

    /// Starts one replica and waits until it serves.
    pub async fn start(&mut self) -> Replica {
        self.start_with_clock(Clock::default()).await
    }

    /// As [`Self::start`], with a clock that the test can shift.
    pub async fn start_with_clock(&mut self, clock: Clock) -> Replica {
        // What an earlier replica left holds its folder.
        self.embedded = None;
        let parts = Parts::open(self.config(), clock).expect("parts open");
        if self.kind == Kind::Embedded {
            self.embedded = Some(parts.clone());
        }
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        #[expect(clippy::disallowed_methods, reason = "a replica runs beside the test")]
        let task = tokio::spawn(run_with(parts.clone(), vec![self.manager], None, shutdown));
        let replica = Replica {
            parts,
            stop: Some(stop),
            task,
        };
        replica.wait_ready().await;
        replica
    }

    /// A caller. On the embedded default it is the bus of the replica that was started last.
    pub fn client(&self) -> Client {
        let transport: Arc<dyn Transport> = match &self.embedded {
            Some(parts) => Arc::clone(&parts.transport),
            None => Arc::new(RabbitMq::new(
                Secret::new(rabbitmq_address()),
                Clock::default(),
                Metrics::new().expect("metrics"),
                Health::default(),
            )),
        };
        Client {
            transport,
            name: self.manager.name,
            customer_id: None,
        }
    }

    /// Drops the database, and what a daemon leaves on the broker. Tests that fail leave theirs for a look.
    pub async fn remove(self) {
        if self.kind == Kind::Full {
            remove_from_broker(self.manager.name).await;
        }
        if let Some((_, dsn)) = self
            .settings
            .iter()
            .find(|(name, _)| *name == "DATABASE_DSN")
            && let Some((_, name)) = dsn.rsplit_once('/')
            && let Ok(mut conn) = sqlx::MySqlConnection::connect(dsn).await
        {
            let _ = conn
                .execute(sqlx::AssertSqlSafe(format!("DROP DATABASE {name}")))
                .await;
        }
    }
}

async fn remove_from_broker(name: &str) {
    let properties = lapin::ConnectionProperties::default();
    let Ok(connection) = lapin::Connection::connect(&rabbitmq_address(), properties).await else {
        return;
    };
    let Ok(channel) = connection.create_channel().await else {
        return;
    };
    let (queue, fanout) = (request_queue(name), event_fanout(name));
    let _ = channel
        .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
        .await;
    let _ = channel
        .exchange_delete(fanout.as_str().into(), ExchangeDeleteOptions::default())
        .await;
    let _ = connection.close(200, "bye".into()).await;
}

/// One running daemon.
pub struct Replica {
    /// Its parts.
    pub parts: Parts,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::result::Result<(), StartError>>,
}

impl Replica {
    /// Waits until it serves.
    pub async fn wait_ready(&self) {
        until("the replica is ready", async || {
            self.parts.health.is_ready().then_some(())
        })
        .await;
    }

    /// Stops as by SIGTERM and waits for the end.
    pub async fn stop(mut self) -> std::result::Result<(), StartError> {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        (&mut self.task).await.expect("the daemon did not panic")
    }

    /// Vanishes as by SIGKILL, as far as one process can.
    pub fn kill(self) {
        self.task.abort();
    }
}

/// Calls a manager.
#[derive(Clone)]
pub struct Client {
    /// How.
    pub transport: Arc<dyn Transport>,
    /// Whom.
    pub name: &'static str,
    /// Within which tenant.
    pub customer_id: Option<Uuid>,
}

impl Client {
    /// The same client confined to a tenant.
    #[must_use]
    pub fn within(&self, customer_id: Uuid) -> Self {
        Self {
            customer_id: Some(customer_id),
            ..self.clone()
        }
    }

    /// Sends a request; status and body.
    pub async fn call(&self, method: Method, uri: &str, body: Option<Json>) -> (u16, Json) {
        self.call_keyed(method, uri, body, None).await
    }

    /// As [`Self::call`], under an idempotency key.
    pub async fn call_keyed(
        &self,
        method: Method,
        uri: &str,
        body: Option<Json>,
        key: Option<&str>,
    ) -> (u16, Json) {
        let mut request = Request::new(method, uri, "test");
        if let Some(body) = body {
            request = request.json(&body).expect("JSON");
        }
        request.customer_id = self.customer_id;
        request.idempotency_key = key.map(str::to_owned);
        let response = self.send(&request).await.expect("an answer");
        let body = serde_json::from_str(response.body()).expect("JSON");
        (response.status_code, body)
    }

    /// Sends an envelope as it is.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn send(&self, request: &Request) -> Result<Response> {
        self.transport
            .request(&request_queue(self.name), request, PATIENCE)
            .await
    }

    /// A call that must succeed; its body.
    pub async fn ok(&self, method: Method, uri: &str, body: Option<Json>) -> Json {
        let (status, reply) = self.call(method, uri, body).await;
        assert_eq!(status, 200, "{method} {uri}: {reply}");
        reply
    }

    /// Listens to this manager's events from now on.
    pub async fn events(&self) -> Sink {
        let sink = Sink::default();
        let subscription = Subscription {
            name: format!("sink-{}", ids::next()),
            patterns: vec![format!("{}.#", self.name), "probe.#".to_owned()],
            fanouts: Vec::new(),
            durable: false,
        };
        let (transport, handler, stop) =
            (Arc::clone(&self.transport), sink.clone(), sink.stop.clone());
        #[expect(clippy::disallowed_methods, reason = "the sink runs beside the test")]
        tokio::spawn(async move {
            transport
                .subscribe(subscription, Arc::new(handler), stop)
                .await
        });
        let database = format!("probe{}", ids::next().simple());
        let mut lane = self
            .transport
            .lane("probe", &database)
            .await
            .expect("a lane");
        until("the sink listens", async || {
            let probe = crate::sockhandler::Outgoing {
                routing_key: "probe.probe.-.made".to_owned(),
                message_id: ids::next().to_string(),
                version: 0,
                body: br#"{"type":"probe_made","publisher":"probe","data_type":"","data":null}"#
                    .to_vec(),
            };
            lane.publish(&[probe]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            sink.all()
                .iter()
                .any(|event| event.event.kind == "probe_made")
                .then_some(())
        })
        .await;
        sink
    }
}

/// Keeps every event it hears.
#[derive(Clone, Default)]
pub struct Sink {
    events: Arc<Mutex<Vec<ReceivedEvent>>>,
    stop: CancellationToken,
}

#[async_trait]
impl Receive for Sink {
    async fn receive(&self, event: ReceivedEvent) -> Result<()> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
        Ok(())
    }
}

impl Sink {
    fn all(&self) -> Vec<ReceivedEvent> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What was heard of the manager, in order.
    pub fn heard(&self) -> Vec<ReceivedEvent> {
        self.all()
            .into_iter()
            .filter(|event| event.event.kind != "probe_made")
            .collect()
    }

    /// Waits until `count` events with different ids were heard; all that were heard.
    pub async fn wait_for(&self, count: usize) -> Vec<ReceivedEvent> {
        until(&format!("{count} events"), async || {
            let heard = self.heard();
            let ids: std::collections::HashSet<_> =
                heard.iter().map(|event| &event.message_id).collect();
            (ids.len() >= count).then_some(heard)
        })
        .await
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if Arc::strong_count(&self.events) <= 2 {
            self.stop.cancel();
        }
    }
}

/// Waits for a condition; panics with `what` when it does not come.
pub async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A folder that goes with its value.
mod tempdir {
    use std::path::{Path, PathBuf};

    pub(super) struct Dir(PathBuf);

    impl Dir {
        pub(super) fn new() -> Self {
            let path = std::env::temp_dir().join(format!("tandem-test-{}", crate::ids::next()));
            std::fs::create_dir_all(&path).expect("a folder for the test");
            Self(path)
        }

        pub(super) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
