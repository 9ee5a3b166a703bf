//! Acknowledgements: each message is settled once, in whatever order they are done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bin_common_handler::{
    clock::Clock,
    health::Health,
    metrics::Metrics,
    models::sock::{Method, Request, Response},
    redact::Secret,
    sockhandler::{Delivered, Probe, Serve, Transport, rabbitmq::RabbitMq, request_queue},
    testing::{rabbitmq_address, spawn, until},
};
use lapin::{
    BasicProperties,
    options::{BasicPublishOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    begin,
    posts::{channel, remove},
};

const PATIENCE: Duration = Duration::from_secs(20);
/// More than the broker hands over before something is acknowledged.
const MANY: usize = 1_500;
const SLOW: &str = "/v1/slow";

/// Holds requests of [`SLOW`] until it is let go.
struct Holds {
    gate: Semaphore,
    let_go: AtomicUsize,
}

impl Holds {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: Semaphore::new(0),
            let_go: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl Serve for Holds {
    async fn serve(&self, delivered: Delivered, _probe: &dyn Probe) -> Option<Response> {
        let request: Request = serde_json::from_slice(&delivered.body).ok()?;
        if request.uri == SLOW {
            self.gate.acquire().await.ok()?.forget();
            self.let_go.fetch_add(1, Ordering::SeqCst);
        }
        Some(Response::ok(&request.uri))
    }
}

fn broker(metrics: &Metrics) -> Arc<RabbitMq> {
    Arc::new(RabbitMq::new(
        Secret::new(rabbitmq_address()),
        Clock::default(),
        metrics.clone(),
        Health::default(),
    ))
}

/// Messages that wait in a queue, handed over or not: when its consumer has gone.
async fn left(queue: &str) -> u32 {
    let (_connection, channel) = channel().await;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel.queue_declare(queue.into(), passive, FieldTable::default());
    queue.await.unwrap().message_count()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_takes_long_holds_up_nobody_and_each_is_acknowledged() {
    let (broker, holds) = (broker(&Metrics::new().unwrap()), Holds::new());
    let (name, stop, serving) = begin(&broker, Arc::clone(&holds)).await;
    let queue = request_queue(&name);
    let ask = |uri: String| {
        let (broker, queue) = (Arc::clone(&broker), queue.clone());
        async move {
            let request = Request::new(Method::Get, &uri, "test");
            let reply = broker.request(&queue, &request, PATIENCE).await.unwrap();
            assert_eq!(reply.body(), format!("\"{uri}\""));
        }
    };
    let slow = spawn(ask(SLOW.to_owned()));
    let mut asked = JoinSet::new();
    for number in 0..MANY {
        asked.spawn(ask(format!("/v1/{number}")));
        if asked.len() >= 50 {
            asked.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = asked.join_next().await {
        done.unwrap();
    }
    assert!(!slow.is_finished());
    holds.gate.add_permits(1);
    slow.await.unwrap();
    stop.cancel();
    serving.await.unwrap();
    assert_eq!(left(&queue).await, 0, "nothing comes again");
    remove(&[&queue]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_served_when_it_stopped_is_there_still() {
    let (broker, holds) = (broker(&Metrics::new().unwrap()), Holds::new());
    let (name, stop, serving) = begin(&broker, Arc::clone(&holds)).await;
    let queue = request_queue(&name);
    send(&queue, SLOW, 3).await;
    let request = Request::new(Method::Get, "/v1/quick", "test");
    for _ in 0..10 {
        broker.request(&queue, &request, PATIENCE).await.unwrap();
    }
    // It waits for them as long as it may.
    stop.cancel();
    serving.await.unwrap();
    assert_eq!(left(&queue).await, 3);
    remove(&[&queue]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_how_long_requests_wait_in_the_broker() {
    let metrics = Metrics::new().unwrap();
    let (broker, holds) = (broker(&metrics), Holds::new());
    let (name, stop, serving) = begin(&broker, Arc::clone(&holds)).await;
    let queue = request_queue(&name);
    let waited = || metrics.queue_wait_ms.with_label_values(&[&name]).get();
    // Nobody waits for their replies, so that none can be refused.
    send(&queue, SLOW, 2 * MANY).await;
    until("some come, and many wait", async || {
        holds.gate.add_permits(20);
        (waited() > 0).then_some(())
    })
    .await;
    holds.gate.add_permits(2 * MANY);
    until("all have come, and none waits", async || {
        let let_go = holds.let_go.load(Ordering::SeqCst);
        (let_go == 2 * MANY && waited() == 0).then_some(())
    })
    .await;
    stop.cancel();
    serving.await.unwrap();
    assert_eq!(left(&queue).await, 0);
    remove(&[&queue]).await;
}

/// Sends requests for which nobody waits.
async fn send(queue: &str, uri: &str, count: usize) {
    let (_connection, channel) = channel().await;
    let body = serde_json::to_vec(&Request::new(Method::Get, uri, "test")).unwrap();
    for _ in 0..count {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let sent = channel.basic_publish("".into(), queue.into(), options, &body, properties);
        sent.await.unwrap();
    }
}
