//! A queue of the test's own that keeps every event that leaves.

use lapin::{
    Channel, ExchangeKind,
    message::Delivery,
    options::{BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::sockhandler::EVENT_EXCHANGE;

/// One event as it left.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The same for every copy of it.
    pub message_id: String,
    /// Version of the entity that it tells of.
    pub version: i64,
    /// What happened, e.g. `outdial_created`.
    pub kind: String,
    /// Whose it is.
    pub id: Uuid,
    /// The entity, or what is told of it.
    pub data: Json,
}

impl Heard {
    /// The name of the entity.
    pub fn name(&self) -> &str {
        self.data["name"].as_str().expect("a name")
    }

    fn read(delivery: &Delivery) -> Self {
        let body: Json = serde_json::from_slice(&delivery.data).expect("JSON");
        let headers = delivery.properties.headers().clone().unwrap_or_default();
        let version = match headers.inner().get("x-version") {
            Some(AMQPValue::LongLongInt(version)) => *version,
            other => panic!("an event without a version: {other:?}"),
        };
        assert_eq!(*delivery.properties.delivery_mode(), Some(2), "persistent");
        let text = |json: &Json| json.as_str().expect("a text").to_owned();
        // What is told of an entity, and is not the entity, has its id in the topic only.
        let topic = delivery.routing_key.as_str();
        let of_topic = || topic.split('.').nth(2).expect("an id in the topic");
        Self {
            message_id: delivery
                .properties
                .message_id()
                .as_ref()
                .expect("an id")
                .to_string(),
            version,
            kind: text(&body["type"]),
            id: body["data"]["id"]
                .as_str()
                .unwrap_or_else(of_topic)
                .parse()
                .expect("a UUID"),
            data: body["data"].clone(),
        }
    }
}

/// Declares the queue `name`, for every event of one daemon.
pub(super) async fn declare(channel: &Channel, name: &str, publisher: &str) {
    let exchange = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let queue = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let none = FieldTable::default;
    channel
        .exchange_declare(EVENT_EXCHANGE.into(), ExchangeKind::Topic, exchange, none())
        .await
        .expect("an exchange");
    channel
        .queue_declare(name.into(), queue, none())
        .await
        .expect("a queue");
    channel
        .queue_bind(
            name.into(),
            EVENT_EXCHANGE.into(),
            format!("{publisher}.#").as_str().into(),
            QueueBindOptions::default(),
            none(),
        )
        .await
        .expect("a binding");
}

/// Takes everything out of the queue `name`, in order.
pub(super) async fn take(channel: &Channel, name: &str) -> Vec<Heard> {
    let mut heard = Vec::new();
    let options = BasicGetOptions { no_ack: true };
    while let Some(message) = channel
        .basic_get(name.into(), options)
        .await
        .expect("a message or none")
    {
        heard.push(Heard::read(&message.delivery));
    }
    heard
}
