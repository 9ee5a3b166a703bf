//! The database dies, or hangs, while numbers are given out.

use std::time::Duration;

use bin_common_handler::testing::lab::Line;

use crate::{
    ledger,
    load::{Load, Manners},
    tenant::{Pool, Tenant, scene},
};

/// Longer than any caller waits for one answer.
const HANG: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_dies_costs_time_and_nothing_else() {
    let mut scene = scene().await;
    let daemon = scene.daemon().await;
    let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
    let load = Load::start(&tenant, Manners::default());
    for _ in 0..3 {
        load.begin(100);
        load.goes_on(40).await;
        scene.lab.database.kill();
        daemon.not_ready().await;
        scene.lab.database.start();
        load.settles().await;
        daemon.ready().await;
    }
    load.exhaust().await;
    ledger::used_up(&scene, &tenant, &load.finish().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_costs_time_and_nothing_else() {
    let scene = scene().await;
    let _replicas = (scene.daemon().await, scene.daemon().await);
    let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
    let load = Load::start(&tenant, Manners::default());
    for _ in 0..2 {
        load.begin(100);
        load.goes_on(40).await;
        scene.lab.database.freeze(true);
        tokio::time::sleep(HANG).await;
        scene.lab.database.freeze(false);
        load.settles().await;
    }
    load.exhaust().await;
    let book = load.finish().await;
    assert!(book.unserved() > 0, "nobody was held up");
    ledger::used_up(&scene, &tenant, &book).await;
}

/// Every transaction waits for a lock and is tried again, until it is given up.
#[tokio::test(flavor = "multi_thread")]
async fn counters_that_somebody_holds_cost_time_and_nothing_else() {
    let scene = scene().await;
    let _replicas = (scene.daemon().await, scene.daemon().await);
    let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
    let load = Load::start(&tenant, Manners::default());
    load.begin(100);
    load.goes_on(40).await;
    let mut holder = scene.db().await;
    for sql in ["START TRANSACTION", "SELECT * FROM did_states FOR UPDATE"] {
        sqlx::raw_sql(sql).execute(&mut holder).await.unwrap();
    }
    load.begin(100);
    tokio::time::sleep(HANG).await;
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut holder)
        .await
        .unwrap();
    load.exhaust().await;
    let book = load.finish().await;
    assert!(book.unserved() > 0, "nobody was held up");
    ledger::used_up(&scene, &tenant, &book).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connections_are_enough_for_many_callers() {
    let scene = scene().await;
    let daemon = scene.spawn(&[("DATABASE_CONNECTIONS", "2")]);
    daemon.ready().await;
    let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
    let manners = Manners {
        callers: 300,
        ..Manners::default()
    };
    let load = Load::start(&tenant, manners);
    load.exhaust().await;
    ledger::used_up(&scene, &tenant, &load.finish().await).await;
}

/// A host that lost its power, or a firewall that forgot its connections: nobody closes what is open.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_line_to_the_database_is_given_up() {
    let scene = scene().await;
    let line = Line::to(&scene.lab.database).await;
    let daemon = scene.spawn(&[("DATABASE_DSN", &scene.dsn_over(&line))]);
    daemon.ready().await;
    let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
    let load = Load::start(&tenant, Manners::default());
    load.begin(100);
    load.goes_on(40).await;
    line.die();
    load.exhaust().await;
    ledger::used_up(&scene, &tenant, &load.finish().await).await;
}
