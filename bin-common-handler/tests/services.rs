//! The transport and the cache over the real services.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test ends at its first surprise, and what it spawns ends with it"
)]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bin_common_handler::{
    cachehandler::{Cache, RedisCache},
    clock::Clock,
    health::Health,
    ids,
    metrics::Metrics,
    models::{
        error::{Error, Result},
        sock::{Method, Request, Response},
        time::Timestamp,
    },
    redact::Secret,
    sockhandler::{
        Delivered, Outgoing, Probe, Receive, ReceivedEvent, Serve, Subscription, Transport,
        rabbitmq::RabbitMq, request_queue,
    },
    testing::{rabbitmq_address, redis_address, until},
};
use lapin::{
    BasicProperties,
    options::{BasicGetOptions, BasicPublishOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

fn broker() -> Arc<RabbitMq> {
    let address = Secret::new(rabbitmq_address());
    Arc::new(RabbitMq::new(
        address,
        Clock::default(),
        Metrics::new().unwrap(),
        Health::default(),
    ))
}

/// Counts what it is asked.
#[derive(Default)]
struct Counter(AtomicUsize);

#[async_trait]
impl Serve for Counter {
    async fn serve(&self, _delivered: Delivered, _probe: &dyn Probe) -> Option<Response> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Some(Response::ok(&"served"))
    }
}

/// Fails the first time.
#[derive(Default)]
struct FailsOnce(AtomicUsize);

#[async_trait]
impl Receive for FailsOnce {
    async fn receive(&self, _event: ReceivedEvent) -> Result<()> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Err(Error::internal("not yet")),
            _ => Ok(()),
        }
    }
}

async fn serve(broker: &Arc<RabbitMq>, handler: Arc<impl Serve>) -> (String, CancellationToken) {
    let (name, health, stop) = (
        format!("test-{}", ids::next().simple()),
        Health::default(),
        CancellationToken::new(),
    );
    let (transport, serving, told, stopping) = (
        Arc::clone(broker),
        name.clone(),
        health.clone(),
        stop.clone(),
    );
    tokio::spawn(async move { transport.serve(&serving, handler, told, stopping).await });
    until("the queue is consumed", async || {
        (health.is_ready() && !health.report().is_empty()).then_some(())
    })
    .await;
    (name, stop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_request_arrives_after_its_delay_without_the_plugin() {
    let (broker, counter) = (broker(), Arc::new(Counter::default()));
    let (name, stop) = serve(&broker, Arc::clone(&counter)).await;
    let request = Request::new(Method::Post, "/v1/things", "test");
    let sent = Instant::now();
    broker
        .request_later(&request_queue(&name), &request, Duration::from_millis(700))
        .await
        .unwrap();
    until("the delayed request", async || {
        (counter.0.load(Ordering::SeqCst) == 1).then_some(())
    })
    .await;
    assert!(
        sent.elapsed() >= Duration::from_millis(650),
        "{:?}",
        sent.elapsed()
    );
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_serves_ends_at_its_deadline() {
    let request = Request::new(Method::Get, "/v1/things", "test");
    let asked = Instant::now();
    let queue = request_queue(&format!("nobody-{}", ids::next()));
    let error = broker()
        .request(&queue, &request, Duration::from_millis(500))
        .await
        .unwrap_err();
    assert_eq!(error.status().code(), 503);
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "{:?}",
        asked.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_failed_comes_again() {
    let (broker, handler, stop) = (
        broker(),
        Arc::new(FailsOnce::default()),
        CancellationToken::new(),
    );
    let name = format!("test-{}", ids::next().simple());
    let subscription = Subscription {
        name: name.clone(),
        patterns: vec![format!("{name}.#")],
        fanouts: Vec::new(),
        durable: true,
    };
    let (transport, receiver, stopping) = (Arc::clone(&broker), Arc::clone(&handler), stop.clone());
    tokio::spawn(async move { transport.subscribe(subscription, receiver, stopping).await });
    let mut lane = broker.lane(&name, "test").await.unwrap();
    until("the first delivery", async || {
        let event = Outgoing {
            routing_key: format!("{name}.thing.-.made"),
            message_id: ids::next().to_string(),
            version: 1,
            body: br#"{"type":"thing_made","publisher":"test","data_type":"","data":null}"#
                .to_vec(),
        };
        if handler.0.load(Ordering::SeqCst) == 0 {
            lane.publish(&[event]).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        (handler.0.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
    until("the second delivery", async || {
        (handler.0.load(Ordering::SeqCst) > 1).then_some(())
    })
    .await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lanes_of_one_publisher_exclude_each_other() {
    let (one, two) = (broker(), broker());
    let (name, database) = (format!("test-{}", ids::next().simple()), "d");
    let lane = one.lane(&name, database).await.unwrap();
    let refused = two
        .lane(&name, database)
        .await
        .err()
        .map(|error| error.reason().to_owned());
    assert_eq!(refused.as_deref(), Some("RELAY_HELD"));
    drop(lane);
    until("the lane is free again", async || {
        two.lane(&name, database).await.ok().map(drop)
    })
    .await;
}

/// Answers with the status codes in turn, then 200; keeps the ids of the messages.
#[derive(Default)]
struct Says {
    statuses: Mutex<Vec<u16>>,
    message_ids: Mutex<Vec<String>>,
}

#[async_trait]
impl Serve for Says {
    async fn serve(&self, delivered: Delivered, _probe: &dyn Probe) -> Option<Response> {
        let id = delivered.travel.message_id;
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

async fn channel() -> (lapin::Connection, lapin::Channel) {
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

async fn remove(queues: &[&str]) {
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

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Row {
    version: i64,
}

async fn read(cache: &Cache, key: &str, stored: i64) -> i64 {
    let load = async || Ok(Some(Row { version: stored }));
    let row = cache
        .read_through(key, |row: &Row| Timestamp::from_micros(row.version), load)
        .await;
    row.unwrap().unwrap().version
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marker_in_redis_keeps_an_older_copy_away() {
    let cache = Cache::Redis(RedisCache::new(&format!("redis://{}/1", redis_address())).unwrap());
    let key = format!("test:{}", ids::next());
    assert_eq!(read(&cache, &key, 1).await, 1);
    assert_eq!(
        read(&cache, &key, 2).await,
        1,
        "the copy should have served"
    );
    cache
        .mark(&[(key.clone(), Timestamp::from_micros(2))])
        .await;
    assert_eq!(
        read(&cache, &key, 1).await,
        1,
        "a reader before the commit sees the old row"
    );
    assert_eq!(
        read(&cache, &key, 2).await,
        2,
        "but must not have put it back over the marker"
    );
    assert_eq!(read(&cache, &key, 3).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_everything_is_a_miss_and_no_error() {
    let cache = Cache::Redis(RedisCache::new("redis://127.0.0.1:1/1").unwrap());
    cache
        .mark(&[("k".to_owned(), Timestamp::from_micros(2))])
        .await;
    assert_eq!(read(&cache, "k", 1).await, 1);
    assert_eq!(read(&cache, "k", 2).await, 2);
}
