//! The transport and the cache over the real services.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test ends at its first surprise, and what it spawns ends with it"
)]

#[cfg(test)]
#[path = "services/follow.rs"]
mod follow;
#[cfg(test)]
#[path = "services/overload.rs"]
mod overload;
#[cfg(test)]
#[path = "services/posts.rs"]
mod posts;
#[cfg(test)]
#[path = "services/refused.rs"]
mod refused;
#[cfg(test)]
#[path = "services/settled.rs"]
mod settled;
#[cfg(test)]
#[path = "services/transactions.rs"]
mod transactions;
#[cfg(test)]
#[path = "services/unreadable.rs"]
mod unreadable;
#[cfg(test)]
#[path = "services/words.rs"]
mod words;

use std::{
    sync::{
        Arc,
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
use tokio::{task::JoinHandle, time::Instant};
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
    let (name, stop, _) = begin(broker, handler).await;
    (name, stop)
}

/// Serves under a name of its own: the name, what stops it, and what ends then.
async fn begin(
    broker: &Arc<RabbitMq>,
    handler: Arc<impl Serve>,
) -> (String, CancellationToken, JoinHandle<()>) {
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
    let ended =
        tokio::spawn(async move { transport.serve(&serving, handler, told, stopping).await });
    until("the queue is consumed", async || {
        (health.is_ready() && !health.report().is_empty()).then_some(())
    })
    .await;
    (name, stop, ended)
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
    let mut lease = broker.lease(&name, "test").await.unwrap();
    until("the first delivery", async || {
        let event = Outgoing {
            trace: None,
            routing_key: format!("{name}.thing.-.made"),
            message_id: ids::next().to_string(),
            version: 1,
            customer_id: None,
            body: br#"{"type":"thing_made","publisher":"test","data_type":"","data":null}"#
                .to_vec(),
        };
        if handler.0.load(Ordering::SeqCst) == 0 {
            lease.publish(&[event]).await;
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
async fn two_leases_of_one_publisher_exclude_each_other() {
    let (one, two) = (broker(), broker());
    let (name, database) = (format!("test-{}", ids::next().simple()), "d");
    let lease = one.lease(&name, database).await.unwrap();
    let refused = two
        .lease(&name, database)
        .await
        .err()
        .map(|error| error.reason().to_owned());
    assert_eq!(refused.as_deref(), Some("RELAY_HELD"));
    drop(lease);
    until("the lease is free again", async || {
        two.lease(&name, database).await.ok().map(drop)
    })
    .await;
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
