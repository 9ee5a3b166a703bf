//! The daemon dies right before its commit, right after it, and between an event and its mark.

use bin_common_handler::testing::lab::Scene;

use crate::{
    ledger,
    load::{Load, Manners},
    tenant::{Pool, Tenant, scene},
};

/// Calls that begin while the daemon dies, and that the next one answers.
const CALLS: usize = 80;

/// Kills a daemon at each place, `place:n` when it gets there for the n-th time.
async fn crash_at(scene: &Scene, pool: Pool, places: &[&str]) {
    let mut healthy = scene.daemon().await;
    let tenant = Tenant::in_mid_day(scene, pool).await;
    let load = Load::start(&tenant, Manners::default());
    for place in places {
        healthy.signal("KILL");
        let mut fragile = scene.spawn(&[("TANDEM_FAILPOINT", place)]);
        load.begin(CALLS);
        assert_eq!(fragile.ended().await, None, "killed at {place}");
        healthy = scene.daemon().await;
        load.settles().await;
    }
    load.exhaust().await;
    ledger::used_up(scene, &tenant, &load.finish().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_around_the_commit_counts_each_call_once() {
    let places = [
        "before_commit:1",
        "after_commit:1",
        "before_commit:3",
        "after_commit:3",
        "before_reply:20",
        "before_ack:30",
    ];
    crash_at(&scene().await, Pool::default(), &places).await;
}

/// Each number has one call: so there is an event with each.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_around_an_event_tells_it_all_the_same() {
    let pool = Pool {
        numbers: 500,
        daily_cap: 1,
        ..Pool::default()
    };
    let places = [
        "after_commit:2",
        "after_publish:1",
        "before_outbox_delete:1",
        "after_publish:3",
    ];
    crash_at(&scene().await, pool, &places).await;
}
