//! What each test begins with: running nodes, an empty database, an empty queue, a sink for events.

use std::time::Duration;

use bin_common_handler::{ids, sockhandler::EVENT_EXCHANGE};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{
        BasicGetOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable},
};
use serde_json::Value as Json;
use sqlx::{Connection as _, Executor, MySqlConnection};
use tokio::{sync::MutexGuard, time::Instant};
use uuid::Uuid;

use crate::{
    daemon::{Daemon, amqp, dsn},
    lab::Lab,
};

/// The daemon's request queue.
pub const QUEUE: &str = "bin-manager.outdial-manager.request";
/// How long a test waits for something that must come: the longest backoff and a little.
const PATIENCE: Duration = Duration::from_secs(40);

/// One event as it left.
#[derive(Debug, Clone)]
pub struct Heard {
    pub message_id: String,
    pub version: i64,
    pub id: Uuid,
    pub name: String,
}

/// The nodes, and this test's own database and sink on them.
pub struct Scene {
    pub lab: MutexGuard<'static, Lab>,
    pub database: String,
    sink: String,
}

impl Scene {
    /// Sets everything up.
    pub async fn new() -> Self {
        let lab = Lab::enter().await;
        let id = ids::next().simple();
        let scene = Self {
            lab,
            database: format!("t{id}"),
            sink: format!("sink-{id}"),
        };
        let sql = format!("CREATE DATABASE {}", scene.database);
        let mut server = until("the database answers", async || {
            MySqlConnection::connect(&dsn(&scene.lab, "")).await.ok()
        })
        .await;
        server.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        let (_connection, channel) = scene.channel().await;
        channel
            .queue_delete(QUEUE.into(), QueueDeleteOptions::default())
            .await
            .unwrap();
        scene.declare_sink(&channel).await;
        scene
    }

    async fn declare_sink(&self, channel: &Channel) {
        let exchange = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let queue = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let none = FieldTable::default;
        let (name, topic) = (self.sink.as_str(), EVENT_EXCHANGE);
        channel
            .exchange_declare(topic.into(), ExchangeKind::Topic, exchange, none())
            .await
            .unwrap();
        channel
            .queue_declare(name.into(), queue, none())
            .await
            .unwrap();
        channel
            .queue_bind(
                name.into(),
                topic.into(),
                "outdial-manager.#".into(),
                QueueBindOptions::default(),
                none(),
            )
            .await
            .unwrap();
    }

    /// A daemon on this scene's database, not waited for.
    pub fn spawn(&self, settings: &[(&str, &str)]) -> Daemon {
        Daemon::spawn(&self.lab, &self.database, settings)
    }

    /// A daemon that serves.
    pub async fn daemon(&self) -> Daemon {
        let daemon = self.spawn(&[]);
        daemon.ready().await;
        daemon
    }

    /// The broker's address.
    pub fn amqp(&self) -> String {
        amqp(&self.lab)
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
        let mut heard = Vec::new();
        let options = BasicGetOptions { no_ack: true };
        while let Some(message) = channel
            .basic_get(self.sink.as_str().into(), options)
            .await
            .unwrap()
        {
            heard.push(read_event(&message.delivery));
        }
        heard
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
            .unwrap()
            .message_count()
    }

    /// Rows that a query counts, e.g. `outdial_outbox`.
    pub async fn count(&self, from: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {from}");
        let mut db = self.db().await;
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&mut db)
            .await
            .unwrap()
    }

    /// This scene's database.
    pub async fn db(&self) -> MySqlConnection {
        let dsn = dsn(&self.lab, &self.database);
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
                QUEUE.into(),
                BasicPublishOptions::default(),
                body,
                properties,
            )
            .await
            .unwrap();
    }

    /// Declares the request queue as the daemon would.
    pub async fn declare_request_queue(&self, channel: &Channel) {
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(QUEUE.into(), durable, FieldTable::default())
            .await
            .unwrap();
    }
}

fn read_event(delivery: &lapin::message::Delivery) -> Heard {
    let body: Json = serde_json::from_slice(&delivery.data).unwrap();
    let headers = delivery.properties.headers().clone().unwrap_or_default();
    let version = match headers.inner().get("x-version") {
        Some(AMQPValue::LongLongInt(version)) => *version,
        other => panic!("an event without a version: {other:?}"),
    };
    assert_eq!(*delivery.properties.delivery_mode(), Some(2));
    Heard {
        message_id: delivery
            .properties
            .message_id()
            .as_ref()
            .unwrap()
            .to_string(),
        version,
        id: body["data"]["id"].as_str().unwrap().parse().unwrap(),
        name: body["data"]["name"].as_str().unwrap().to_owned(),
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
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
