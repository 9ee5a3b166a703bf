//! A caller as voipbin's services are: a fresh reply queue for each call, no correlation id.

use bin_common_handler::{
    models::sock::Method,
    testing::{rabbitmq_address, until},
};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    message::BasicGetMessage,
    options::{BasicGetOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use serde_json::{Value as Json, json};

pub struct Peer {
    connection: Connection,
    pub channel: Channel,
}

impl Peer {
    pub async fn connect() -> Self {
        let connection = Connection::connect(&rabbitmq_address(), ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self {
            connection,
            channel,
        }
    }

    pub async fn close(self) {
        self.connection.close(200, "bye".into()).await.unwrap();
    }

    /// A queue of one's own, named by the broker.
    pub async fn own_queue(&self) -> String {
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        self.channel
            .queue_declare("".into(), options, FieldTable::default())
            .await
            .unwrap()
            .name()
            .to_string()
    }

    /// A queue of one's own that hears what `exchange` sends under `key`.
    pub async fn listen(&self, exchange: &str, key: &str) -> String {
        let queue = self.own_queue().await;
        self.channel
            .queue_bind(
                queue.as_str().into(),
                exchange.into(),
                key.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap();
        queue
    }

    pub async fn publish(&self, queue: &str, body: &[u8], properties: BasicProperties) {
        self.channel
            .basic_publish(
                "".into(),
                queue.into(),
                BasicPublishOptions::default(),
                body,
                properties,
            )
            .await
            .unwrap();
    }

    pub async fn take(&self, queue: &str) -> BasicGetMessage {
        until("a message", async || self.poll(queue).await).await
    }

    pub async fn poll(&self, queue: &str) -> Option<BasicGetMessage> {
        let options = BasicGetOptions { no_ack: true };
        self.channel.basic_get(queue.into(), options).await.unwrap()
    }

    /// Sends a message as voipbin does; the reply as it came.
    pub async fn ask(&self, queue: &str, body: &[u8]) -> BasicGetMessage {
        let reply_to = self.own_queue().await;
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_reply_to(reply_to.as_str().into());
        self.publish(queue, body, properties).await;
        self.take(&reply_to).await
    }

    /// A request of the campaign-manager; status and body of its reply.
    pub async fn call(
        &self,
        name: &str,
        method: Method,
        uri: &str,
        body: Option<Json>,
    ) -> (u16, Json) {
        let queue = format!("bin-manager.{name}.request");
        let reply = self.ask(&queue, &envelope(method, uri, body)).await;
        let reply: Json = serde_json::from_slice(&reply.delivery.data).unwrap();
        let status = reply["status_code"].as_u64().unwrap();
        (u16::try_from(status).unwrap(), reply["data"].clone())
    }
}

/// A request as voipbin writes it.
pub fn envelope(method: Method, uri: &str, body: Option<Json>) -> Vec<u8> {
    let mut envelope = json!({
        "uri": uri, "method": method.as_str(), "publisher": "campaign-manager",
        "data_type": "application/json",
    });
    if let Some(body) = body {
        envelope["data"] = body;
    }
    serde_json::to_vec(&envelope).unwrap()
}
