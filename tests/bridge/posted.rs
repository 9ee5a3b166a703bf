//! A deferred request through the bridge and a real broker.

use std::sync::Arc;

use bin_common_handler::{
    clock::Clock,
    health::Health,
    ids,
    metrics::Metrics,
    models::sock::Request,
    redact::Secret,
    sockhandler::{rabbitmq::RabbitMq, request_queue},
    testing::rabbitmq_address,
};
use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{BasicGetOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};

use super::{
    client::call,
    over_transport::{deferring, serve_bridge},
};

#[tokio::test(flavor = "multi_thread")]
async fn over_http_a_deferred_request_is_accepted_while_its_manager_is_away() {
    let name = format!("test-{}", ids::next().simple());
    let queue = request_queue(&name);
    let (_connection, channel) = channel().await;
    // As its manager left it.
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare(queue.as_str().into(), options, FieldTable::default());
    declared.await.unwrap();
    let broker = Arc::new(RabbitMq::new(
        Secret::new(rabbitmq_address()),
        Clock::default(),
        Metrics::new().unwrap(),
        Health::default(),
    ));
    let at = serve_bridge(Arc::clone(&broker) as _, deferring(name.leak()), None).await;
    let answer = call(at, "POST /v1/things", &["x-request-id: 17.4"], r#"{"a":1}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["request_id"], "17.4");
    let options = BasicGetOptions { no_ack: true };
    let waiting = channel.basic_get(queue.as_str().into(), options).await;
    let waiting = waiting.unwrap().unwrap().delivery;
    assert_eq!(
        *waiting.properties.delivery_mode(),
        Some(2),
        "it survives the broker"
    );
    assert!(waiting.properties.message_id().is_some());
    let request: Request = serde_json::from_slice(&waiting.data).unwrap();
    assert_eq!(request.data.unwrap().get(), r#"{"a":1}"#);
    let removed = channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default());
    removed.await.unwrap();
    let refused = call(at, "POST /v1/things", &[], "{}").await;
    assert_eq!(
        (refused.status, refused.reason()),
        (503, "BROKER_UNAVAILABLE".to_owned())
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
}

async fn channel() -> (Connection, Channel) {
    let options = ConnectionProperties::default();
    let connection = Connection::connect(&rabbitmq_address(), options)
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}
