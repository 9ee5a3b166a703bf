//! Two daemons give out the same numbers; one of them dies, or sleeps in the middle of its work.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    ledger,
    load::{Load, Manners},
    tenant::{Pool, Tenant, scene},
};

/// Longer than the database lets a transaction idle, and than one may take.
const SLEEP: Duration = Duration::from_secs(9);

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_dies_again_and_again() {
    let scene = scene().await;
    let _steady = scene.daemon().await;
    let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
    let load = Load::start(&tenant, Manners::default());
    for _ in 0..4 {
        let victim = scene.daemon().await;
        load.begin(150);
        load.goes_on(50).await;
        victim.signal("KILL");
        drop(victim);
        load.settles().await;
    }
    load.exhaust().await;
    ledger::used_up(&scene, &tenant, &load.finish().await).await;
}

/// Numbers rest between two calls, whoever gave them.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_rest_between_calls_whoever_dies() {
    let scene = scene().await;
    let _steady = scene.daemon().await;
    let pool = Pool {
        numbers: 60,
        daily_cap: 3,
        cooldown_seconds: 1,
    };
    let tenant = Tenant::in_mid_day(&scene, pool).await;
    let load = Load::start(&tenant, Manners::default());
    let victim = scene.daemon().await;
    load.begin(tenant.capacity() / 2);
    load.goes_on(tenant.capacity() / 4).await;
    drop(victim);
    load.exhaust().await;
    ledger::used_up(&scene, &tenant, &load.finish().await).await;
}

/// It wakes with transactions that are over and callers that are gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_sleeps_holds_nobody_up_and_does_no_harm_when_it_wakes() {
    let scene = scene().await;
    let (sleeper, _steady) = (scene.daemon().await, scene.daemon().await);
    let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
    let load = Load::start(&tenant, Manners::default());
    load.begin(200);
    load.goes_on(50).await;
    sleeper.signal("STOP");
    let slept = Instant::now();
    load.settles().await;
    load.begin(200);
    load.settles().await;
    tokio::time::sleep_until(slept + SLEEP).await;
    load.begin(100);
    sleeper.signal("CONT");
    load.exhaust().await;
    sleeper.ready().await;
    ledger::used_up(&scene, &tenant, &load.finish().await).await;
}
