//! Messages that hurt before any of our code sees them.

use bin_common_handler::{
    models::sock::{Method, Request},
    testing::lab::{Program, Scene, leaves_nothing, survives_poison},
};

const MANAGER: Program = Program {
    name: bin_outdial_manager::NAME,
    file: env!("CARGO_BIN_EXE_outdial-manager"),
};

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_no_library_would_send_do_no_harm() {
    let scene = Scene::new(MANAGER).await;
    let mut daemon = scene.daemon().await;
    let request = Request::new(Method::Get, "/v1/outdials", "test");
    survives_poison(&scene, &mut daemon, &request).await;
    leaves_nothing(&scene, &mut daemon).await;
}
