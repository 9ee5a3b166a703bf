//! The broker goes away, cuts connections, and refuses publishes.

use std::time::Duration;

use bin_common_handler::testing::lab::until;

use crate::{
    ledger,
    load::{Load, Manners},
    scene::scene,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts_or_dies_loses_nothing() {
    let mut scene = scene().await;
    let daemon = scene.daemon().await;
    let load = Load::start(&scene, Manners::default());
    load.goes_on(100).await;

    scene.lab.stop_broker_app();
    daemon.not_ready().await;
    scene.lab.start_broker_app();
    daemon.ready().await;
    load.goes_on(100).await;

    scene.lab.broker.kill();
    daemon.not_ready().await;
    scene.lab.broker.start();
    daemon.ready().await;
    load.goes_on(100).await;

    let book = load.finish().await;
    ledger::agree(&scene, &book).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_come_back_by_themselves() {
    let scene = scene().await;
    let _daemon = scene.daemon().await;
    let load = Load::start(&scene, Manners::default());
    for _ in 0..5 {
        load.goes_on(50).await;
        scene.lab.cut_connections();
    }
    load.goes_on(50).await;
    let book = load.finish().await;
    ledger::agree(&scene, &book).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_memory_alarm_events_wait_and_nothing_is_lost() {
    let scene = scene().await;
    let daemon = scene.daemon().await;
    let load = Load::start(&scene, Manners::default());
    load.goes_on(50).await;

    scene.lab.alarm(true);
    until("the health page says so", async || {
        let (_, report) = daemon.report("/healthz").await?;
        report.to_string().contains("takes no events").then_some(())
    })
    .await;
    // Longer than a publish waits: everything that can time out has done so.
    tokio::time::sleep(Duration::from_secs(7)).await;
    scene.lab.alarm(false);
    load.goes_on(100).await;
    let book = load.finish().await;
    ledger::agree(&scene, &book).await;
    until("the health page says that it is over", async || {
        let (_, report) = daemon.report("/healthz").await?;
        (!report.to_string().contains("takes no events")).then_some(())
    })
    .await;
}
