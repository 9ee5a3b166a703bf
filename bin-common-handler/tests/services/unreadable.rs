//! Messages with properties that are no text, in a row: whoever waits is told, nobody else waits.

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use bin_common_handler::{
    ids,
    models::{
        error::Result,
        sock::{Method, Request, Response},
    },
    sockhandler::{
        EVENT_EXCHANGE, Receive, ReceivedEvent, Subscription, Transport, request_queue,
        subscribe_queue,
    },
    testing::{
        lab::{Properties, Wire, entry, flag},
        rabbitmq_address, until,
    },
};
use futures_util::StreamExt;
use lapin::{
    Channel,
    options::{BasicConsumeOptions, BasicGetOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Counter, broker,
    posts::{channel, remove},
    serve,
};

const ROW: usize = 10;
const PATIENCE: Duration = Duration::from_secs(20);
/// How long something good may wait behind a row.
const BEHIND_MAX: Duration = Duration::from_secs(3);
const NO_TEXT: &[u8] = b"\xff\x80raw";
/// Texts of which the broker does not care what they are.
const TEXTS: [u8; 7] = [
    flag::CONTENT_TYPE,
    flag::CONTENT_ENCODING,
    flag::CORRELATION_ID,
    flag::MESSAGE_ID,
    flag::TYPE,
    flag::APP_ID,
    flag::CLUSTER_ID,
];

/// One of each kind, on top of `properties`.
fn kinds(properties: &Properties) -> Vec<Properties> {
    let texts = TEXTS.map(|flag| properties.clone().text(flag, NO_TEXT));
    let headers = properties.clone().headers(&entry(NO_TEXT, b't', &[1]));
    texts.into_iter().chain([headers]).collect()
}

async fn own_queue(channel: &Channel) -> String {
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare("".into(), exclusive, FieldTable::default());
    declared.await.unwrap().name().to_string()
}

/// Takes `count` messages out of a queue.
async fn take(channel: &Channel, queue: &str, count: usize) -> Vec<lapin::message::Delivery> {
    let mut taken = Vec::new();
    until("the messages", async || {
        let options = BasicGetOptions { no_ack: true };
        while let Ok(Some(got)) = channel.basic_get(queue.into(), options).await {
            taken.push(got.delivery);
        }
        (taken.len() >= count).then_some(())
    })
    .await;
    assert_eq!(taken.len(), count);
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_refused_one_by_one_and_hold_up_nobody() {
    let (broker, counter) = (broker(), Arc::new(Counter::default()));
    let (name, stop) = serve(&broker, Arc::clone(&counter)).await;
    let (_connection, channel) = channel().await;
    let (queue, replies) = (request_queue(&name), own_queue(&channel).await);
    let request = Request::new(Method::Get, "/v1/things", "test");
    let body = serde_json::to_vec(&request).unwrap();
    let mut wire = Wire::open(&rabbitmq_address()).await;
    let answered = Properties::default().text(flag::REPLY_TO, &replies);
    for (done, properties) in kinds(&answered).iter().enumerate() {
        for _ in 0..ROW {
            wire.publish(&queue, properties, &body).await;
        }
        let sent = Instant::now();
        let reply = broker.request(&queue, &request, PATIENCE).await.unwrap();
        assert_eq!(reply.status_code, 200);
        assert!(sent.elapsed() < BEHIND_MAX, "{:?}", sent.elapsed());
        for refused in take(&channel, &replies, ROW).await {
            let reply: Response = serde_json::from_slice(&refused.data).unwrap();
            assert_eq!(reply.status_code, 400);
            assert!(reply.body().contains("UNREADABLE_PROPERTIES"));
        }
        assert_eq!(
            counter.0.load(Ordering::SeqCst),
            done + 1,
            "good ones, once"
        );
    }
    let nobody = Properties::default().text(flag::REPLY_TO, NO_TEXT);
    for _ in 0..ROW {
        wire.publish(&queue, &nobody, &body).await;
    }
    let parked = format!("{queue}.parked");
    let set_aside = async || {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let (_connection, asking) = super::posts::channel().await;
        asking
            .queue_declare(parked.as_str().into(), passive, FieldTable::default())
            .await
            .ok()
            .map(drop)
    };
    until("the first is set aside", set_aside).await;
    for message in take(&channel, &parked, ROW).await {
        assert_eq!(message.data, body);
    }
    stop.cancel();
    remove(&[&queue]).await;
    remove(&[&parked]).await;
}

/// A steady trickle of unreadable messages between good ones that all arrive at once.
#[tokio::test(flavor = "multi_thread")]
async fn good_requests_between_bad_ones_are_served_once() {
    let (broker, counter) = (broker(), Arc::new(Counter::default()));
    let (name, stop) = serve(&broker, Arc::clone(&counter)).await;
    let queue = request_queue(&name);
    let request = Request::new(Method::Get, "/v1/things", "test");
    let mut wire = Wire::open(&rabbitmq_address()).await;
    let bad = Properties::default()
        .text(flag::REPLY_TO, "nobody")
        .text(flag::CORRELATION_ID, NO_TEXT);
    for good in 1..=30 {
        wire.publish(&queue, &bad, b"{}").await;
        let sent = Instant::now();
        let reply = broker.request(&queue, &request, PATIENCE).await.unwrap();
        assert_eq!(reply.status_code, 200);
        assert!(sent.elapsed() < BEHIND_MAX, "{:?}", sent.elapsed());
        assert_eq!(counter.0.load(Ordering::SeqCst), good);
    }
    stop.cancel();
    remove(&[&queue]).await;
}

/// Keeps what it hears.
#[derive(Default)]
struct Ear(Mutex<Vec<ReceivedEvent>>);

#[async_trait]
impl Receive for Ear {
    async fn receive(&self, event: ReceivedEvent) -> Result<()> {
        self.0.lock().unwrap().push(event);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_parked_and_the_next_is_heard() {
    let (broker, ear, stop) = (broker(), Arc::new(Ear::default()), CancellationToken::new());
    let name = format!("test-{}", ids::next().simple());
    let subscription = Subscription {
        name: name.clone(),
        patterns: vec![format!("{name}.#")],
        fanouts: Vec::new(),
        durable: true,
    };
    let (transport, listener, stopping) = (Arc::clone(&broker), Arc::clone(&ear), stop.clone());
    tokio::spawn(async move { transport.subscribe(subscription, listener, stopping).await });
    let (_connection, channel) = channel().await;
    let queue = subscribe_queue(&name);
    let body = br#"{"type":"thing_made","publisher":"test","data_type":null,"data":null}"#;
    let mut wire = Wire::open(&rabbitmq_address()).await;
    let key = format!("{name}.thing.-.made");
    let good = Properties::default();
    until("the first event", async || {
        wire.publish_through(EVENT_EXCHANGE, key.as_bytes(), &good, body)
            .await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        (!ear.0.lock().unwrap().is_empty()).then_some(())
    })
    .await;
    let bad = kinds(&Properties::default());
    for properties in bad.iter().cycle().take(ROW) {
        wire.publish_through(EVENT_EXCHANGE, key.as_bytes(), properties, body)
            .await;
    }
    let odd_key = [name.as_bytes(), b".\xfe\xff"].concat();
    let sent = Instant::now();
    wire.publish_through(EVENT_EXCHANGE, &odd_key, &good, body)
        .await;
    until("the event behind them", async || {
        let heard = ear.0.lock().unwrap();
        heard
            .iter()
            .any(|event| event.routing_key == format!("{name}.??"))
            .then_some(())
    })
    .await;
    assert!(sent.elapsed() < BEHIND_MAX, "{:?}", sent.elapsed());
    let parked = format!("{queue}.parked");
    assert_eq!(take(&channel, &parked, ROW).await.len(), ROW);
    stop.cancel();
    remove(&[&queue]).await;
    remove(&[&parked]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evil_reply_fails_no_request_in_flight() {
    let broker = broker();
    let (_connection, channel) = channel().await;
    let queue = own_queue(&channel).await;
    let no_ack = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let mut consumer = channel
        .basic_consume(
            queue.as_str().into(),
            "".into(),
            no_ack,
            FieldTable::default(),
        )
        .await
        .unwrap();
    let request = Request::new(Method::Get, "/v1/things", "test");
    let (asking, to) = (Arc::clone(&broker), queue.clone());
    let asked = tokio::spawn(async move {
        let started = Instant::now();
        let reply = asking.request(&to, &request, PATIENCE).await;
        (reply, started.elapsed())
    });
    let delivery = consumer.next().await.unwrap().unwrap();
    let reply_to = delivery.properties.reply_to().clone().unwrap();
    let id = delivery.properties.correlation_id().clone().unwrap();
    let mut wire = Wire::open(&rabbitmq_address()).await;
    for properties in kinds(&Properties::default()) {
        wire.publish(reply_to.as_str(), &properties, b"evil").await;
    }
    let good = Properties::default().text(flag::CORRELATION_ID, id.as_str());
    let reply = serde_json::to_vec(&Response::ok(&7)).unwrap();
    wire.publish(reply_to.as_str(), &good, &reply).await;
    let (reply, took) = asked.await.unwrap();
    assert_eq!(reply.unwrap().body(), "7");
    assert!(took < BEHIND_MAX, "{took:?}");
}
