//! The broker goes away, and cuts connections, while numbers are given out.

use crate::{
    ledger,
    load::{Load, Manners},
    tenant::{Pool, Tenant, scene},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_cuts_its_connections_and_restarts_makes_nobody_count_twice() {
    let scene = scene().await;
    let daemon = scene.daemon().await;
    let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
    let load = Load::start(&tenant, Manners::default());
    for _ in 0..3 {
        load.begin(60);
        load.goes_on(20).await;
        scene.lab.cut_connections();
        load.settles().await;
    }
    load.begin(100);
    load.goes_on(40).await;
    scene.lab.stop_broker_app();
    daemon.not_ready().await;
    scene.lab.start_broker_app();
    load.exhaust().await;
    ledger::used_up(&scene, &tenant, &load.finish().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_makes_nobody_count_twice() {
    let mut scene = scene().await;
    let daemon = scene.daemon().await;
    let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
    let load = Load::start(&tenant, Manners::default());
    load.begin(100);
    load.goes_on(40).await;
    scene.lab.broker.kill();
    daemon.not_ready().await;
    scene.lab.broker.start();
    load.exhaust().await;
    daemon.ready().await;
    ledger::used_up(&scene, &tenant, &load.finish().await).await;
}
