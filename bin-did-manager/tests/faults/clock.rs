//! A replica whose clock is wrong.

use std::time::Duration;

use bin_common_handler::{clock::Clock, testing::Installation};
use bin_did_manager::MANAGER;

use crate::{
    ledger,
    load::{Load, Manners},
    tenant::{Pool, Tenant, scene},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// The tenant's day ends within that hour: by the wrong clock every number would have its calls again.
#[tokio::test(flavor = "multi_thread")]
async fn an_hour_ahead_changes_nothing() {
    let scene = scene().await;
    let steady = scene.daemon().await;
    let pool = Pool::default();
    let tenant = Tenant::new(&scene, pool, HOUR / 2).await;
    let clock = Clock::default();
    clock.shift(HOUR.as_micros() as i64);
    let mut beside = Installation::in_lab(&scene, MANAGER).await;
    let ahead = beside.start_with_clock(clock.clone()).await;
    let load = Load::start(&tenant, Manners::default());
    load.begin(300);
    load.settles().await;
    let served = async || {
        steady
            .figure("tandem_request_duration_seconds_count", "")
            .await
    };
    let before = served().await;
    load.begin(100);
    load.settles().await;
    let by_steady = served().await - before;
    assert!(by_steady < 100.0, "the other replica served some");
    // It steps back, as a clock does that is set right.
    clock.shift(0);
    load.exhaust().await;
    ledger::used_up(&scene, &tenant, &load.finish().await).await;
    ahead.stop().await.unwrap();
}
