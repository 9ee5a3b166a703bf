//! The database dies under load.

use crate::{
    ledger,
    load::{Load, Manners},
    scene::scene,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_dies_costs_time_and_nothing_else() {
    let mut scene = scene().await;
    let daemon = scene.daemon().await;
    let load = Load::start(&scene, Manners::default());
    for _ in 0..3 {
        load.goes_on(60).await;
        scene.lab.database.kill();
        daemon.not_ready().await;
        scene.lab.database.start();
        daemon.ready().await;
    }
    load.goes_on(60).await;
    let book = load.finish().await;
    let statuses: Vec<u16> = book.statuses.keys().copied().collect();
    assert!(statuses == [200] || statuses == [200, 503], "{statuses:?}");
    ledger::agree(&scene, &book).await;
}
