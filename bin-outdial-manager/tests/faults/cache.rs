//! Redis forgets, vanishes and hangs.

use std::time::Duration;

use crate::{
    ledger,
    load::{Load, Manners},
    scene::scene,
};

/// Nobody notices: no error, no old state after a change.
#[tokio::test(flavor = "multi_thread")]
async fn without_redis_everything_is_slower_and_right() {
    let mut scene = scene().await;
    let _daemon = scene.daemon().await;
    let manners = Manners {
        retries: false,
        reads: true,
        patience: Duration::from_secs(10),
        ..Manners::default()
    };
    let load = Load::start(&scene, manners);
    for _ in 0..5 {
        load.goes_on(50).await;
        scene.lab.forget().await;
    }
    scene.lab.redis.kill();
    load.goes_on(100).await;
    scene.lab.redis.start();
    scene.lab.redis.up().await;
    load.goes_on(200).await;
    scene.lab.redis.freeze(true);
    load.goes_on(100).await;
    scene.lab.redis.freeze(false);
    load.goes_on(200).await;
    let book = load.finish().await;
    ledger::agree(&scene, &book).await;
}
