//! Messages that hurt before any of our code sees them.

use bin_common_handler::{
    models::sock::{Method, Request},
    testing::lab::{leaves_nothing, survives_poison},
};

use crate::tenant::scene;

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_no_library_would_send_do_no_harm() {
    let scene = scene().await;
    let mut daemon = scene.daemon().await;
    let request = Request::new(Method::Get, "/v1/customers", "test");
    survives_poison(&scene, &mut daemon, &request).await;
    leaves_nothing(&scene, &mut daemon).await;
}
