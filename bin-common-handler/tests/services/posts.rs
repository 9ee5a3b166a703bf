//! Requests that nobody waits for, through the broker.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bin_common_handler::{
    clock::Clock,
    health::Health,
    ids,
    metrics::Metrics,
    models::sock::{Method, Request, Response},
    redact::Secret,
    sockhandler::{Delivered, Probe, Serve, Transport, rabbitmq::RabbitMq, request_queue},
    testing::{rabbitmq_address, until},
};
use lapin::{
    BasicProperties,
    options::{BasicGetOptions, BasicPublishOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::time::Instant;

use super::{broker, serve};

/// Answers with the status codes in turn, then 200; keeps the ids of the messages.
#[derive(Default)]
struct Says {
    statuses: Mutex<Vec<u16>>,
    message_ids: Mutex<Vec<String>>,
}

#[async_trait]
impl Serve for Says {
    async fn serve(&self, delivered: Delivered, _probe: &dyn Probe) -> Option<Response> {
        let id = delivered.delivery_info.message_id;
        self.message_ids.lock().unwrap().push(id);
        let mut statuses = self.statuses.lock().unwrap();
        let status = if statuses.is_empty() {
            200
        } else {
            statuses.remove(0)
        };
        Some(Response::with(status, "", &()))
    }
}

impl Says {
    fn new(statuses: &[u16]) -> Arc<Self> {
        Arc::new(Self {
            statuses: Mutex::new(statuses.to_vec()),
            ..Self::default()
        })
    }

    async fn heard(&self, count: usize) -> Vec<String> {
        until("the deliveries", async || {
            let ids = self.message_ids.lock().unwrap();
            (ids.len() >= count).then(|| ids.clone())
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_request_that_failed_comes_again_and_holds_up_nobody() {
    let (broker, says) = (broker(), Says::new(&[503]));
    let (name, stop) = serve(&broker, Arc::clone(&says)).await;
    let queue = request_queue(&name);
    let request = Request::new(Method::Post, "/v1/things", "test");
    let posted = Instant::now();
    broker.post(&queue, &request, "first").await.unwrap();
    assert_eq!(says.heard(1).await, ["first"]);
    broker.post(&queue, &request, "second").await.unwrap();
    assert_eq!(says.heard(2).await, ["first", "second"]);
    assert!(
        posted.elapsed() < Duration::from_secs(4),
        "it waited for the first"
    );
    assert_eq!(says.heard(3).await, ["first", "second", "first"]);
    let waited = posted.elapsed();
    assert!(waited >= Duration::from_millis(4_900), "{waited:?}");
    stop.cancel();
    remove(&[&queue, &format!("{queue}.later.5000")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_considered_no_is_the_end_of_a_posted_request() {
    let (broker, says) = (broker(), Says::new(&[409]));
    let (name, stop) = serve(&broker, Arc::clone(&says)).await;
    let queue = request_queue(&name);
    let request = Request::new(Method::Post, "/v1/things", "test");
    broker.post(&queue, &request, "refused").await.unwrap();
    broker.post(&queue, &request, "next").await.unwrap();
    says.heard(2).await;
    stop.cancel();
    // No queue for retries was made, and nothing was set aside.
    for other in ["later.5000", "parked"] {
        assert_eq!(take(&format!("{queue}.{other}")).await, None);
    }
    remove(&[&queue]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_request_is_set_aside_after_its_last_retry() {
    let (broker, says) = (broker(), Says::new(&[500]));
    let (name, stop) = serve(&broker, Arc::clone(&says)).await;
    let queue = request_queue(&name);
    publish_after_three_attempts(&queue, br#"{"the":"body"}"#).await;
    let parked = format!("{queue}.parked");
    let body = until("the parked message", async || take(&parked).await).await;
    assert_eq!(body, br#"{"the":"body"}"#);
    assert_eq!(says.heard(1).await.len(), 1);
    stop.cancel();
    remove(&[&queue, &parked]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_without_its_queue_or_its_broker_fails_within_a_second() {
    let request = Request::new(Method::Post, "/v1/things", "test");
    let address = Secret::new("amqp://guest:guest@127.0.0.1:1");
    let (clock, metrics) = (Clock::default(), Metrics::new().unwrap());
    let nowhere = Arc::new(RabbitMq::new(address, clock, metrics, Health::default()));
    let here = broker();
    // The connection is there; a queue of another service is missing.
    for broker in [here, nowhere] {
        let posted = Instant::now();
        let queue = request_queue(&format!("nobody-{}", ids::next()));
        let refused = broker.post(&queue, &request, "m").await.unwrap_err();
        assert_eq!(refused.status().code(), 503);
        assert!(
            posted.elapsed() < Duration::from_secs(1),
            "{:?}",
            posted.elapsed()
        );
    }
}

pub(super) async fn channel() -> (lapin::Connection, lapin::Channel) {
    let properties = lapin::ConnectionProperties::default();
    let connection = lapin::Connection::connect(&rabbitmq_address(), properties)
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// The head of a queue; nothing when it is empty or missing.
async fn take(queue: &str) -> Option<Vec<u8>> {
    let (_connection, channel) = channel().await;
    let options = BasicGetOptions { no_ack: true };
    let message = channel.basic_get(queue.into(), options).await.ok()??;
    Some(message.delivery.data)
}

pub(super) async fn remove(queues: &[&str]) {
    let (_connection, channel) = channel().await;
    for &queue in queues {
        let options = QueueDeleteOptions::default();
        channel.queue_delete(queue.into(), options).await.unwrap();
    }
}

async fn publish_after_three_attempts(queue: &str, body: &[u8]) {
    let (_connection, channel) = channel().await;
    let mut headers = FieldTable::default();
    headers.insert("x-deferred".into(), AMQPValue::Boolean(true));
    headers.insert("x-attempt".into(), AMQPValue::LongLongInt(3));
    let properties = BasicProperties::default().with_headers(headers);
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), queue.into(), options, body, properties);
    sent.await.unwrap().await.unwrap();
}
