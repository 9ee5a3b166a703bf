//! Where one manager's daemons work on the private nodes: a database, a queue, and a sink for their events.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use sqlx::{Connection as _, Executor, MySqlConnection};

use super::{
    broker::ACCOUNT,
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

/// A database and a sink of one manager's own on the nodes of a lab.
pub struct Site {
    /// Name of the database.
    pub database: String,
    program: Program,
    sink: String,
    pub(super) broker_port: u16,
    database_port: u16,
    redis_port: u16,
}

impl Site {
    /// Sets everything up for daemons of `program`: an empty database, no request queue, a sink.
    pub async fn new(lab: &Lab, program: Program) -> Self {
        let id = ids::next().simple();
        let site = Self {
            database: format!("t{id}"),
            program,
            sink: format!("sink-{id}"),
            broker_port: lab.broker.port,
            database_port: lab.database.port,
            redis_port: lab.redis.port,
        };
        let sql = format!("CREATE DATABASE {}", site.database);
        let mut server = until("the database answers", async || {
            MySqlConnection::connect(&dsn(site.database_port, ""))
                .await
                .ok()
        })
        .await;
        server
            .execute(sqlx::AssertSqlSafe(sql))
            .await
            .expect("a database");
        let (_connection, channel) = site.channel().await;
        channel
            .queue_delete(site.queue().as_str().into(), QueueDeleteOptions::default())
            .await
            .expect("no queue");
        sink::declare(&channel, &site.sink, program.name).await;
        site
    }

    /// The manager's name on the wire, e.g. `outdial-manager`.
    pub fn manager(&self) -> &'static str {
        self.program.name
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

    /// A daemon of this site, not waited for.
    pub fn spawn(&self, settings: &[(&str, &str)]) -> Daemon {
        Daemon::spawn(self.program, &self.services(), settings)
    }

    /// Another program on the same nodes and database, not waited for.
    pub fn spawn_other(&self, program: Program, settings: &[(&str, &str)]) -> Daemon {
        Daemon::spawn(program, &self.services(), settings)
    }

    /// The settings that tell a daemon where everything is.
    pub fn services(&self) -> [(&'static str, String); 3] {
        [
            ("DATABASE_DSN", self.dsn()),
            ("RABBITMQ_ADDRESS", amqp(ACCOUNT, self.broker_port)),
            ("REDIS_ADDRESS", format!("127.0.0.1:{}", self.redis_port)),
        ]
    }

    /// A daemon that serves.
    pub async fn daemon(&self) -> Daemon {
        let daemon = self.spawn(&[]);
        daemon.ready().await;
        daemon
    }

    /// The broker's address, for tests.
    pub fn amqp(&self) -> String {
        amqp("guest", self.broker_port)
    }

    /// The broker's address for daemons, at the other end of a line.
    pub fn amqp_over(&self, line: &Line) -> String {
        amqp(ACCOUNT, line.port)
    }

    /// The address of this site's database.
    pub fn dsn(&self) -> String {
        dsn(self.database_port, &self.database)
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

    /// This site's database.
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

/// Everybody's password is their name.
fn amqp(account: &str, port: u16) -> String {
    format!("amqp://{account}:{account}@127.0.0.1:{port}")
}

/// The address of a private database.
fn dsn(port: u16, database: &str) -> String {
    format!("mysql://tandem:tandem@127.0.0.1:{port}/{database}")
}

/// Waits for a condition; panics with `what` when it does not come.
pub async fn until<T>(what: &str, check: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, check).await
}
