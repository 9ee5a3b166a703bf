//! Requests that nobody waits for any more.

use std::time::Duration;

use bin_common_handler::{clock::Clock, testing::lab::until};
use lapin::{
    BasicProperties,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use serde_json::json;

use crate::scene::scene;

fn create(name: &str) -> Vec<u8> {
    json!({"uri": "/v1/outdials", "method": "POST", "publisher": "test", "data": {"name": name}})
        .to_string()
        .into_bytes()
}

fn due(reply_to: &ShortString, deadline_ms: i64) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert("x-deadline".into(), AMQPValue::LongLongInt(deadline_ms));
    BasicProperties::default()
        .with_reply_to(reply_to.clone())
        .with_headers(headers)
}

#[tokio::test(flavor = "multi_thread")]
async fn late_requests_are_dropped_and_those_still_wanted_served() {
    let scene = scene().await;
    let (_connection, channel) = scene.channel().await;
    scene.declare_request_queue(&channel).await;
    let queue = async |channel: &lapin::Channel| {
        let options = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare("".into(), options, FieldTable::default())
            .await;
        queue.unwrap().name().clone()
    };
    let (gone, there) = (queue(&channel).await, queue(&channel).await);
    let now = Clock::default().now();
    let plain = |reply_to: &ShortString| BasicProperties::default().with_reply_to(reply_to.clone());

    scene.publish(&channel, &create("gone"), plain(&gone)).await;
    channel
        .queue_delete(gone.clone(), QueueDeleteOptions::default())
        .await
        .unwrap();
    scene
        .publish(&channel, &create("there"), plain(&there))
        .await;
    let later = now.plus(Duration::from_secs(60)).millis();
    scene
        .publish(&channel, &create("in time"), due(&there, later))
        .await;
    scene
        .publish(&channel, &create("late"), due(&there, now.millis() - 1))
        .await;
    until("all wait", async || {
        (scene.waiting_in(&scene.queue()).await == 4).then_some(())
    })
    .await;

    let daemon = scene.daemon().await;
    until("the queue is worked off", async || {
        let dropped = daemon.figure("tandem_requests_dropped_total", "").await;
        let served = scene.count("outdial_outdials").await;
        (dropped >= 2.0 && served >= 2).then_some(())
    })
    .await;
    let dropped = async |reason: &str| {
        let label = format!("reason=\"{reason}\"");
        daemon.figure("tandem_requests_dropped_total", &label).await
    };
    assert_eq!(dropped("late").await as i64, 1);
    assert_eq!(dropped("caller_gone").await as i64, 1);
    assert_eq!(
        scene
            .count("outdial_outdials WHERE name IN ('there', 'in time')")
            .await,
        2
    );
    assert_eq!(scene.count("outdial_outdials").await, 2);
    assert_eq!(scene.waiting_in_on(&channel, there.as_str()).await, 2);
}
