//! What each test begins with: running nodes, an empty database, an empty queue, a sink for events.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use sqlx::{Connection as _, Executor, MySqlConnection};
use tokio::sync::MutexGuard;

use super::{
    callers,
    daemon::{Daemon, Program},
    line::Line,
    nodes::Lab,
    sink::{self, Heard},
};
use crate::{
    ids,
    sockhandler::request_queue,
    testing::{Client, until_within},
};

/// How long a test waits for something that must come: the longest backoff and a little.
const PATIENCE: Duration = Duration::from_secs(40);

/// The nodes, and this test's own database and sink on them.
pub struct Scene {
    /// The nodes.
    pub lab: MutexGuard<'static, Lab>,
    /// Name of the database.
    pub database: String,
    program: Program,
    sink: String,
}

impl Scene {
    /// Sets everything up for a daemon.
    pub async fn new(program: Program) -> Self {
        let lab = Lab::enter().await;
        let id = ids::next().simple();
        let scene = Self {
            lab,
            database: format!("t{id}"),
            program,
            sink: format!("sink-{id}"),
        };
        let sql = format!("CREATE DATABASE {}", scene.database);
        let mut server = until("the database answers", async || {
            MySqlConnection::connect(&dsn(scene.lab.database.port, ""))
                .await
                .ok()
        })
        .await;
        server
            .execute(sqlx::AssertSqlSafe(sql))
            .await
            .expect("a database");
        let (_connection, channel) = scene.channel().await;
        channel
            .queue_delete(scene.queue().as_str().into(), QueueDeleteOptions::default())
            .await
            .expect("no queue");
        sink::declare(&channel, &scene.sink, program.name).await;
        scene
    }

    /// Binds the sink once more: a broker killed right after the first time may have forgotten it.
    pub async fn listen_again(&self) {
        let (_connection, channel) = self.channel().await;
        sink::declare(&channel, &self.sink, self.program.name).await;
    }

    /// The daemon's request queue.
    pub fn queue(&self) -> String {
        request_queue(self.program.name)
    }

    /// A trusted caller of a manager.
    pub fn client(&self, name: &'static str) -> Client {
        Client {
            transport: callers::open(&self.amqp()),
            name,
            customer_id: None,
        }
    }

    /// A daemon on this scene's database, not waited for.
    pub fn spawn(&self, settings: &[(&str, &str)]) -> Daemon {
        Daemon::spawn(self.program, &self.services(), settings)
    }

    /// The settings that tell a daemon where everything is.
    pub fn services(&self) -> [(&'static str, String); 3] {
        let redis = format!("127.0.0.1:{}", self.lab.redis.port);
        [
            ("DATABASE_DSN", self.dsn()),
            ("RABBITMQ_ADDRESS", self.amqp()),
            ("REDIS_ADDRESS", redis),
        ]
    }

    /// A daemon that serves.
    pub async fn daemon(&self) -> Daemon {
        let daemon = self.spawn(&[]);
        daemon.ready().await;
        daemon
    }

    /// The broker's address.
    pub fn amqp(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.lab.broker.port)
    }

    /// The address of this scene's database.
    pub fn dsn(&self) -> String {
        dsn(self.lab.database.port, &self.database)
    }

    /// The same at the other end of a line.
    pub fn dsn_over(&self, line: &Line) -> String {
        dsn(line.port, &self.database)
    }

    /// A connection of the test's own.
    pub async fn channel(&self) -> (Connection, Channel) {
        until("the broker answers", async || {
            let address = self.amqp();
            let connection = Connection::connect(&address, ConnectionProperties::default());
            let connection = connection.await.ok()?;
            let channel = connection.create_channel().await.ok()?;
            Some((connection, channel))
        })
        .await
    }

    /// Every event that left so far, in order; they are taken out of the sink.
    pub async fn heard(&self) -> Vec<Heard> {
        let (_connection, channel) = self.channel().await;
        sink::take(&channel, &self.sink).await
    }

    /// How many messages wait in a queue.
    pub async fn waiting_in(&self, queue: &str) -> u32 {
        let (_connection, channel) = self.channel().await;
        self.waiting_in_on(&channel, queue).await
    }

    /// As [`Self::waiting_in`], on the connection that owns the queue.
    pub async fn waiting_in_on(&self, channel: &Channel, queue: &str) -> u32 {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await
            .expect("there is such a queue")
            .message_count()
    }

    /// Rows that a query counts, e.g. `outdial_outbox`.
    pub async fn count(&self, from: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {from}");
        let mut db = self.db().await;
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&mut db)
            .await
            .expect("a count")
    }

    /// Waits until every request was taken and every event has left.
    pub async fn settled(&self, outbox: &str) {
        until("the outbox is empty", async || {
            (self.count(outbox).await == 0).then_some(())
        })
        .await;
        until("the queue is empty", async || {
            (self.waiting_in(&self.queue()).await == 0).then_some(())
        })
        .await;
    }

    /// This scene's database.
    pub async fn db(&self) -> MySqlConnection {
        let dsn = self.dsn();
        until("the database answers", async || {
            MySqlConnection::connect(&dsn).await.ok()
        })
        .await
    }

    /// Publishes a body to the request queue as it is.
    pub async fn publish(&self, channel: &Channel, body: &[u8], properties: BasicProperties) {
        channel
            .basic_publish(
                "".into(),
                self.queue().as_str().into(),
                BasicPublishOptions::default(),
                body,
                properties,
            )
            .await
            .expect("published");
    }

    /// Declares the request queue as the daemon would.
    pub async fn declare_request_queue(&self, channel: &Channel) {
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(self.queue().as_str().into(), durable, FieldTable::default())
            .await
            .expect("a queue");
    }
}

/// The address of a private database.
fn dsn(port: u16, database: &str) -> String {
    format!("mysql://tandem:tandem@127.0.0.1:{port}/{database}")
}

/// Waits for a condition; panics with `what` when it does not come.
pub async fn until<T>(what: &str, check: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, check).await
}
