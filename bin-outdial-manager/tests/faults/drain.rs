//! SIGTERM: what was accepted is finished, and nobody notices.

use std::time::Duration;

use bin_common_handler::testing::lab::until;
use lapin::{BasicProperties, options::QueueDeclareOptions, types::FieldTable};
use serde_json::json;

use crate::{
    ledger,
    load::{Load, Manners},
    scene::scene,
};

const DRAIN_MAX: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_stops_and_no_client_sees_an_error() {
    let scene = scene().await;
    let mut first = scene.daemon().await;
    let mut second = scene.daemon().await;
    let manners = Manners {
        clients: 200,
        retries: false,
        patience: DRAIN_MAX,
        ..Manners::default()
    };
    let load = Load::start(&scene, manners);
    load.goes_on(300).await;
    let (code, took) = first.terminate().await;
    assert_eq!(code, Some(0), "{}", first.log());
    assert!(took < DRAIN_MAX, "{took:?}");
    load.goes_on(300).await;
    let _third = scene.daemon().await;
    let (code, took) = second.terminate().await;
    assert_eq!(code, Some(0), "{}", second.log());
    assert!(took < DRAIN_MAX, "{took:?}");
    load.goes_on(300).await;
    let book = load.finish().await;
    ledger::agree(&scene, &book).await;
}

/// A single replica, stopped again and again: what was prefetched is done once, by it or by the next.
#[tokio::test(flavor = "multi_thread")]
async fn keyless_requests_prefetched_at_the_end_are_each_done_once() {
    const REQUESTS: u32 = 300;
    let scene = scene().await;
    let mut daemon = scene.daemon().await;
    let (_connection, channel) = scene.channel().await;
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let reply_queue = channel
        .queue_declare("".into(), exclusive, FieldTable::default())
        .await
        .unwrap();
    for number in 0..REQUESTS {
        let envelope = json!({
            "uri": "/v1/outdials", "method": "POST", "publisher": "campaign-manager",
            "data_type": "application/json", "data": {"name": format!("keyless-{number}")},
        });
        let properties = BasicProperties::default().with_reply_to(reply_queue.name().clone());
        scene
            .publish(&channel, envelope.to_string().as_bytes(), properties)
            .await;
    }
    let (code, took) = daemon.terminate().await;
    assert_eq!(code, Some(0), "{}", daemon.log());
    assert!(took < DRAIN_MAX, "{took:?}");
    let replies = scene
        .waiting_in_on(&channel, reply_queue.name().as_str())
        .await;
    assert_eq!(
        i64::from(replies),
        scene.count("outdial_outdials").await,
        "what was done was answered, what was not waits"
    );
    assert_eq!(replies + scene.waiting_in(&scene.queue()).await, REQUESTS);
    let _next = scene.daemon().await;
    until("all are answered", async || {
        let replies = scene
            .waiting_in_on(&channel, reply_queue.name().as_str())
            .await;
        (replies == REQUESTS).then_some(())
    })
    .await;
    assert_eq!(scene.count("outdial_outdials").await, i64::from(REQUESTS));
    assert_eq!(
        scene
            .count("(SELECT DISTINCT name FROM outdial_outdials) AS names")
            .await,
        i64::from(REQUESTS)
    );
}
