//! Messages that hurt before any of our code sees them.

use bin_common_handler::testing::lab::until;
use serde_json::json;

use crate::{
    ledger,
    load::{Load, Manners},
    scene::scene,
    wire::Wire,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_is_removed_and_counted() {
    let scene = scene().await;
    let mut daemon = scene.daemon().await;
    let load = Load::start(&scene, Manners::default());
    load.goes_on(50).await;
    let mut wire = Wire::open(&scene).await;
    for number in 1..=2 {
        wire.publish_bad_text(b"{}").await;
        until("the poison is removed and counted", async || {
            let label = "reason=\"unreadable\"";
            let counted = daemon.figure("tandem_requests_dropped_total", label).await;
            (counted >= f64::from(number)).then_some(())
        })
        .await;
        load.goes_on(50).await;
        daemon.ready().await;
    }
    let book = load.finish().await;
    ledger::agree(&scene, &book).await;
    assert!(daemon.runs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_nested_as_deep_as_a_frame_can_hold_does_no_harm() {
    let scene = scene().await;
    let mut daemon = scene.daemon().await;
    let mut wire = Wire::open(&scene).await;
    let create = |name: &str| {
        json!({"uri": "/v1/outdials", "method": "POST", "publisher": "test", "data": {"name": name}})
            .to_string()
            .into_bytes()
    };
    for depth in [1_000, 21_000] {
        wire.publish_deep_header(depth, &create("deep")).await;
    }
    let load = Load::start(&scene, Manners::default());
    load.goes_on(20).await;
    until("the queue is empty", async || {
        (scene.waiting_in(&scene.queue()).await == 0).then_some(())
    })
    .await;
    let book = load.finish().await;
    assert!(book.faults.is_empty(), "{:?}", book.faults);
    assert_eq!(scene.count("outdial_outdials WHERE name = 'deep'").await, 2);
    daemon.ready().await;
    assert!(daemon.runs(), "{}", daemon.log());
}
