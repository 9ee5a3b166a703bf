//! Messages that hurt before any of our code sees them.

use bin_common_handler::{
    models::sock::{Method, Request},
    testing::lab::{leaves_nothing, survives_poison},
};

use crate::{
    ledger,
    load::{Load, Manners},
    scene::scene,
};

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_no_library_would_send_do_no_harm() {
    let scene = scene().await;
    let mut daemon = scene.daemon().await;
    let load = Load::start(&scene, Manners::default());
    load.goes_on(50).await;
    let request = Request::new(Method::Get, "/v1/outdials", "test");
    survives_poison(&scene, &mut daemon, &request).await;
    load.goes_on(50).await;
    ledger::agree(&scene, &load.finish().await).await;
    leaves_nothing(&scene, &mut daemon).await;
}
