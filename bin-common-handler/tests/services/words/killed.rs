//! Daemons as processes of their own, killed at the places where it would hurt.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bin_common_handler::{
    clock::Clock,
    config::{COMMON, Config},
    daemon::{Manager, run},
    databasehandler::{Db, Value},
    ids,
    testing::{Installation, Kind, service, until_within},
};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use super::{MANAGER, SOON, assert_in_order, count, heard, installation, write_timers};

/// Writes events into the outbox, as changes do: `versions` of each of some entities.
async fn write_outbox(db: &Db, entities: u128, versions: i64) -> BTreeSet<(Uuid, i64)> {
    let mut written = BTreeSet::new();
    for version in 1..=versions {
        for entity in 1..=entities {
            let id = Uuid::from_u128(entity);
            let values = vec![
                ids::next().into(),
                "word_made".into(),
                id.into(),
                Uuid::from_u128(7).into(),
                version.into(),
                json!({ "version": version }).to_string().into(),
                Value::Int(0),
            ];
            let sql = "INSERT INTO word_outbox (event_id, type, resource_id, customer_id, \
                       version, data, tm_create) VALUES (?, ?, ?, ?, ?, ?, ?)";
            db.execute(sql, values).await.unwrap();
            written.insert((id, version));
        }
    }
    written
}

/// The daemon of an installation as a process of its own, which a failpoint kills.
fn child(installation: &Installation, failpoint: &str) -> Child {
    let settings: BTreeMap<_, _> = installation.settings.iter().cloned().collect();
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "words::killed::daemon_that_may_be_killed",
            "--ignored",
        ])
        .env("WORDS_NAME", installation.manager.name)
        .env("WORDS_SETTINGS", json!(settings).to_string())
        .env("TANDEM_FAILPOINT", failpoint)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process that other tests start"]
async fn daemon_that_may_be_killed() {
    let name: &'static str = service("WORDS_NAME", "").leak();
    let settings: BTreeMap<String, String> =
        serde_json::from_str(&service("WORDS_SETTINGS", "{}")).unwrap();
    let settings: Vec<(&'static str, String)> = settings
        .into_iter()
        .map(|(name, value)| -> (&'static str, String) { (name.leak(), value) })
        .collect();
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let config = Config::with_values(COMMON, &settings).unwrap();
    let manager = Manager { name, ..MANAGER };
    run(config, vec![manager], None, std::future::pending())
        .await
        .unwrap();
}

#[rstest]
#[case(Kind::Full)]
#[case(Kind::Embedded)]
#[tokio::test(flavor = "multi_thread")]
async fn events_and_timers_outlive_every_kill_each_with_one_effect(#[case] kind: Kind) {
    let (mut installation, db) = installation(kind).await;
    // The tables, and on a broker the queue.
    installation.start().await.stop().await.unwrap();
    let expected = write_outbox(&db, 6, 20).await;
    write_timers(&db, 60, Clock::default().now()).await;
    for failpoint in [
        "after_publish:1",
        "before_outbox_delete:1",
        "before_event_ack:1",
        "before_commit:9",
        "after_commit:12",
        "before_commit:25",
        "after_commit:1",
    ] {
        let mut killed = child(&installation, failpoint);
        let mut done = 0;
        until_within(SOON, failpoint, async || {
            done = count(&db, "word_heard", "version").await.0;
            let is_over = killed.try_wait().unwrap().is_some();
            // A place that this transport, or so late a state, does not reach any more.
            let is_idle =
                done == 120 || (kind == Kind::Embedded && failpoint.contains("event_ack"));
            (is_over || is_idle).then_some(())
        })
        .await;
        let _ = killed.kill();
        let status = killed.wait().unwrap();
        println!("{kind:?} {failpoint}: {status}, {done} heard");
    }
    let mut last = child(&installation, "");
    until_within(SOON, "all events and timers", async || {
        let heard = count(&db, "word_heard", "version").await.0;
        let fired = count(&db, "word_fired", "entity_id").await.0;
        (heard >= 120 && fired >= 60).then_some(())
    })
    .await;
    // What is published again now must change nothing.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let _ = last.kill();
    let _ = last.wait();
    assert_in_order(&heard(&db).await, &expected);
    assert_eq!(count(&db, "word_fired", "entity_id").await, (60, 60));
    for table in ["word_outbox", "word_incoming"] {
        assert_eq!(count(&db, table, "version").await.0, 0, "{table}");
    }
    installation.remove().await;
}
