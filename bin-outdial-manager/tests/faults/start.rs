//! Started before what it needs.

use bin_common_handler::testing::lab::until;

use crate::{
    ledger,
    load::{Load, Manners},
    scene::scene,
};

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_what_it_needs_and_says_for_what() {
    let mut scene = scene().await;
    scene.lab.broker.kill();
    scene.lab.database.kill();
    scene.lab.redis.kill();
    let daemon = scene.spawn(&[]);
    let state = async |part: &str| {
        let (status, report) = daemon.report("/readyz").await?;
        Some((status, report["parts"][part]["state"].as_str()?.to_owned()))
    };
    let is = async |part: &str, status: u16, expected: &str| {
        until(&format!("{part} is {expected}"), async || {
            (state(part).await? == (status, expected.to_owned())).then_some(())
        })
        .await;
    };
    is("database", 503, "down").await;
    scene.lab.database.start();
    is("database", 503, "up").await;
    is("outdial-manager", 503, "down").await;
    scene.lab.broker.start();
    is("outdial-manager", 200, "up").await;
    is("cache", 200, "reduced").await;
    scene.listen_again().await;
    let load = Load::start(&scene, Manners::default());
    load.goes_on(30).await;
    scene.lab.redis.start();
    is("cache", 200, "up").await;
    load.goes_on(30).await;
    let book = load.finish().await;
    ledger::agree(&scene, &book).await;
}
