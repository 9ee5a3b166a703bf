//! SIGTERM while numbers are given out: nobody notices.

use std::time::Duration;

use crate::{
    ledger,
    load::{Load, Manners},
    tenant::{Pool, Tenant, scene},
};

const DRAIN_MAX: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_stops_and_no_caller_sees_an_error() {
    let scene = scene().await;
    let mut first = scene.daemon().await;
    let mut second = scene.daemon().await;
    let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
    let manners = Manners {
        callers: 64,
        retries: false,
        patience: DRAIN_MAX,
        ..Manners::default()
    };
    let load = Load::start(&tenant, manners);
    load.begin(300);
    load.goes_on(60).await;
    let (code, took) = first.terminate().await;
    assert_eq!(code, Some(0), "{}", first.log());
    assert!(took < DRAIN_MAX, "{took:?}");
    load.settles().await;

    let _third = scene.daemon().await;
    load.begin(300);
    load.goes_on(60).await;
    let (code, took) = second.terminate().await;
    assert_eq!(code, Some(0), "{}", second.log());
    assert!(took < DRAIN_MAX, "{took:?}");
    load.exhaust().await;
    ledger::used_up(&scene, &tenant, &load.finish().await).await;
}
