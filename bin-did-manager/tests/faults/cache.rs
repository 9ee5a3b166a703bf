//! Redis forgets, vanishes and hangs: giving numbers out does not go by it.

use std::time::Duration;

use crate::{
    ledger,
    load::{Load, Manners},
    tenant::{Pool, Tenant, scene},
};

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_not_missed() {
    let mut scene = scene().await;
    let _replicas = (scene.daemon().await, scene.daemon().await);
    let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
    let manners = Manners {
        retries: false,
        patience: Duration::from_secs(10),
        ..Manners::default()
    };
    let load = Load::start(&tenant, manners);
    for _ in 0..3 {
        load.begin(80);
        load.goes_on(30).await;
        scene.lab.forget().await;
        load.settles().await;
    }
    load.begin(160);
    load.goes_on(30).await;
    scene.lab.redis.kill();
    load.settles().await;
    scene.lab.redis.start();
    scene.lab.redis.up().await;
    load.begin(160);
    load.goes_on(30).await;
    scene.lab.redis.freeze(true);
    load.exhaust().await;
    scene.lab.redis.freeze(false);
    ledger::used_up(&scene, &tenant, &load.finish().await).await;
}
