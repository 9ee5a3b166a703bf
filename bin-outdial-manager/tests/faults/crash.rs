//! The daemon dies where it hurts.

use std::time::Duration;

use bin_common_handler::testing::lab::until;
use lapin::{
    BasicProperties,
    options::{BasicGetOptions, QueueDeclareOptions},
    types::FieldTable,
};
use serde_json::{Value as Json, json};

use crate::{
    ledger,
    load::{Load, Manners},
    scene::scene,
};

const PLACES: [&str; 6] = [
    "before_commit",
    "after_commit",
    "after_publish",
    "before_outbox_delete",
    "before_reply",
    "before_ack",
];

/// Clients ask again under the same key: what was done is answered as it was, what was not is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_place_loses_nothing_and_does_nothing_twice() {
    let scene = scene().await;
    let mut healthy = scene.daemon().await;
    let load = Load::start(
        &scene,
        Manners {
            patience: Duration::from_millis(1500),
            ..Manners::default()
        },
    );
    load.goes_on(32).await;
    for place in PLACES {
        healthy.signal("KILL");
        let mut fragile = scene.spawn(&[("TANDEM_FAILPOINT", place)]);
        assert_eq!(fragile.ended().await, None, "killed at {place}");
        healthy = scene.daemon().await;
        load.goes_on(32).await;
    }
    let book = load.finish().await;
    ledger::agree(&scene, &book).await;
    assert_eq!(
        book.statuses.keys().copied().collect::<Vec<_>>(),
        [200],
        "a crash is silence, not an error"
    );
}

/// A voipbin client gives no key, and opens a reply queue for each call: a second delivery is known by that.
#[tokio::test(flavor = "multi_thread")]
async fn a_keyless_change_delivered_again_is_answered_and_not_done_again() {
    let scene = scene().await;
    let mut fragile = scene.spawn(&[("TANDEM_FAILPOINT", "before_ack")]);
    fragile.ready().await;
    let (_connection, channel) = scene.channel().await;
    let mut replies = Vec::new();
    for number in 0..20 {
        let reply_queue = channel
            .queue_declare(
                "".into(),
                QueueDeclareOptions {
                    exclusive: true,
                    auto_delete: true,
                    ..QueueDeclareOptions::default()
                },
                FieldTable::default(),
            )
            .await
            .unwrap();
        let name = format!("keyless-{number}");
        let envelope = json!({
            "uri": "/v1/outdials", "method": "POST", "publisher": "campaign-manager",
            "data_type": "application/json", "data": {"name": name},
        });
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_reply_to(reply_queue.name().clone());
        scene
            .publish(&channel, envelope.to_string().as_bytes(), properties)
            .await;
        replies.push((name, reply_queue.name().clone()));
    }
    assert_eq!(
        fragile.ended().await,
        None,
        "killed before an acknowledgement"
    );
    let done_by_the_first = scene.count("outdial_outdials").await;
    assert!(done_by_the_first > 0);
    let _healthy = scene.daemon().await;

    for (name, queue) in replies {
        let body = until("a reply", async || {
            let options = BasicGetOptions { no_ack: true };
            let got = channel.basic_get(queue.clone(), options).await.unwrap()?;
            Some(got.delivery.data)
        })
        .await;
        let reply: Json = serde_json::from_slice(&body).unwrap();
        assert_eq!(reply["status_code"], 200, "{reply}");
        assert_eq!(reply["data"]["name"], name.as_str());
    }
    assert_eq!(scene.count("outdial_outdials").await, 20, "each once");
    until("the outbox is empty", async || {
        (scene.count("outdial_outbox").await == 0).then_some(())
    })
    .await;
    let mut told: Vec<_> = scene
        .heard()
        .await
        .into_iter()
        .map(|event| (event.name().to_owned(), event.message_id))
        .collect();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 20, "each told under one id");
}
