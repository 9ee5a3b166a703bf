//! A manager under a name of its own, on a fresh database.

use std::{path::PathBuf, sync::Arc};

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use sqlx::{Connection, Executor};
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    client::Client,
    folder::Folder,
    services::{new_mysql_database, rabbitmq_address, redis_address, service},
    wait::{spawn, until},
};
use crate::{
    clock::Clock,
    config::{AnySetting, COMMON, Config},
    daemon::{Manager, ProcessContext, StartError, run_with},
    databasehandler::{Db, Dsn},
    health::Health,
    ids,
    metrics::Metrics,
    redact::Secret,
    sockhandler::{Transport, event_fanout, rabbitmq::RabbitMq, request_queue, subscribe_queue},
};

/// On what an installation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SQLite, bus and cache inside the process.
    Embedded,
    /// RabbitMQ, MariaDB and Redis on their usual local ports.
    Full,
}

/// A manager with its name, database and settings; replicas of it are started with [`Installation::start`].
pub struct Installation {
    /// On what it stands.
    pub kind: Kind,
    /// The manager under its name here.
    pub manager: Manager,
    /// Its settings.
    pub settings: Vec<(&'static str, String)>,
    /// Managers that run in each of its processes, too, such as stand-ins of siblings.
    pub beside: Vec<Manager>,
    dir: Folder,
    embedded: Option<ProcessContext>,
}

impl Installation {
    /// A fresh database and a name that no other test has.
    pub async fn new(kind: Kind, manager: Manager, settings: &[(&'static str, &str)]) -> Self {
        let dir = Folder::new();
        Self {
            kind,
            manager: renamed(manager),
            settings: place(kind, &dir, settings).await,
            beside: Vec::new(),
            dir,
            embedded: None,
        }
    }

    /// The settings as a daemon reads them.
    pub fn config(&self) -> Config {
        config(&self.managers(), &self.settings)
    }

    fn managers(&self) -> Vec<Manager> {
        let mut managers = vec![self.manager];
        managers.extend(&self.beside);
        managers
    }

    /// Adds a manager to its processes, under a name that no other test has.
    #[must_use]
    pub fn with(mut self, manager: Manager) -> Self {
        self.beside.push(renamed(manager));
        self
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
        let parts = ProcessContext::open(self.config(), clock).expect("parts open");
        if self.kind == Kind::Embedded {
            self.embedded = Some(parts.clone());
        }
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let task = spawn(run_with(parts.clone(), self.managers(), None, shutdown));
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
        let embedded = self.embedded.as_ref();
        Client {
            transport: embedded.map_or_else(broker, |parts| Arc::clone(&parts.transport)),
            name: self.manager.name,
            customer_id: None,
        }
    }

    /// Drops the database, and what a daemon leaves on the broker. Tests that fail leave theirs for a look.
    pub async fn remove(self) {
        if self.kind == Kind::Full {
            for manager in self.managers() {
                remove_from_broker(manager.name).await;
            }
        }
        drop_database(&self.settings).await;
    }
}

/// The manager under a name that no other test has.
pub(super) fn renamed(manager: Manager) -> Manager {
    let name = format!("{}-{}", manager.name, ids::next().simple()).leak();
    Manager { name, ..manager }
}

/// Where an installation is, with a fresh database, and its own settings.
pub(super) async fn place(
    kind: Kind,
    dir: &Folder,
    own: &[(&'static str, &str)],
) -> Vec<(&'static str, String)> {
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
    all.extend(own.iter().map(|(name, value)| (*name, (*value).to_owned())));
    all
}

/// Settings as daemons read them: the common ones, and those of `managers`.
pub(super) fn config(managers: &[Manager], settings: &[(&'static str, String)]) -> Config {
    let own = managers.iter().flat_map(|manager| manager.settings);
    let table: Vec<AnySetting> = COMMON.iter().chain(own).copied().collect();
    let given: Vec<(&'static str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Config::with_values(&table, &given).expect("test settings are right")
}

/// A way of the test's own to the broker.
pub(super) fn broker() -> Arc<dyn Transport> {
    Arc::new(RabbitMq::new(
        Secret::new(rabbitmq_address()),
        Clock::default(),
        Metrics::new().expect("metrics"),
        Health::default(),
    ))
}

/// Drops the database that the settings name, where there is one.
pub(super) async fn drop_database(settings: &[(&'static str, String)]) {
    if let Some((_, dsn)) = settings.iter().find(|(name, _)| *name == "DATABASE_DSN")
        && let Some((_, name)) = dsn.rsplit_once('/')
        && let Ok(mut conn) = sqlx::MySqlConnection::connect(dsn).await
    {
        let _ = conn
            .execute(sqlx::AssertSqlSafe(format!("DROP DATABASE {name}")))
            .await;
    }
}

/// Removes what a daemon of this name leaves on the broker.
pub(super) async fn remove_from_broker(name: &str) {
    let properties = lapin::ConnectionProperties::default();
    let Ok(connection) = lapin::Connection::connect(&rabbitmq_address(), properties).await else {
        return;
    };
    let Ok(channel) = connection.create_channel().await else {
        return;
    };
    let (queue, fanout) = (request_queue(name), event_fanout(name));
    for queue in [queue, subscribe_queue(name)] {
        let _ = channel
            .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
            .await;
    }
    let _ = channel
        .exchange_delete(fanout.as_str().into(), ExchangeDeleteOptions::default())
        .await;
    let _ = connection.close(200, "bye".into()).await;
}

/// One running daemon.
pub struct Replica {
    /// Its parts.
    pub parts: ProcessContext,
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
