//! Daemons as processes of their own, killed at the places where it would hurt.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bin_common_handler::{
    clock::Clock,
    config::{COMMON, Config},
    context::{Operation, RequestContext},
    daemon::{Manager, run},
    databasehandler::{Db, Value},
    ids,
    metrics::Metrics,
    models::{error::Result, identity::Scope},
    requesthandler::{Requester, RpcClient},
    testing::{Installation, Kind, service, until_within},
};
use rstest::rstest;
use serde_json::{Value as Data, json};
use tokio::time::Instant;
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

/// Fewer than in the test without a death: each is a transaction.
const TIMERS: u128 = 2_000;
/// Until both replicas are there.
const FIRST: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn timers_that_are_due_at_once_outlive_one_of_two_replicas() {
    let (mut installation, db) = installation(Kind::Full).await;
    installation.start().await.stop().await.unwrap();
    write_timers(&db, TIMERS, Clock::default().now().plus(FIRST)).await;
    let mut victim = child(&installation, "after_commit:20");
    let mut other = child(&installation, "");
    let mut fired_at_death = 0;
    until_within(SOON, "the death of one", async || {
        fired_at_death = count(&db, "word_fired", "entity_id").await.0;
        victim.try_wait().unwrap().map(drop)
    })
    .await;
    let all = i64::try_from(TIMERS).unwrap();
    println!("one died at {fired_at_death} of {all} timers");
    assert!(fired_at_death < all, "it died too late to matter");
    until_within(SOON, "all timers", async || {
        (count(&db, "word_fired", "entity_id").await.0 >= all).then_some(())
    })
    .await;
    let _ = other.kill();
    let _ = other.wait();
    assert_eq!(count(&db, "word_fired", "entity_id").await, (all, all));
    assert_eq!(count(&db, "word_timers", "entity_id").await.0, 0);
    installation.remove().await;
}

/// How long one request to the sibling may take, our own answer included.
const PATIENCE: Duration = Duration::from_secs(2);

/// One run of the same work: it asks as the run before did, and has its own time.
async fn ask(rpc: &RpcClient, sibling: &str, work: &RequestContext) -> Result<Data> {
    let started = Instant::now();
    let ctx = RequestContext {
        deadline: Some(started + PATIENCE),
        ..work.clone()
    };
    let answer = rpc.post(sibling, "/v1/words", &json!({}), &ctx).await;
    assert!(started.elapsed() < PATIENCE, "the deadline is kept");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sibling_that_dies_before_its_reply_has_done_it_once() {
    let (mut installation, db) = installation(Kind::Full).await;
    installation.start().await.stop().await.unwrap();
    let metrics = Metrics::new().unwrap().for_manager("asker").unwrap();
    let transport = installation.client().transport;
    let requester = Requester::new(transport, metrics);
    let rpc = RpcClient::new(std::sync::Arc::new(requester), "asker-manager");
    let sibling = installation.manager.name;
    let customer_id = Uuid::from_u128(9);
    let work = RequestContext {
        scope: Scope::tenant(customer_id),
        operation: Some(Operation::once(customer_id, &[b"the work"])),
        ..RequestContext::default()
    };

    let mut victim = child(&installation, "before_reply:1");
    until_within(SOON, "the sibling's death", async || {
        let answer = ask(&rpc, sibling, &work).await;
        assert_eq!(answer.unwrap_err().status().code(), 503);
        victim.try_wait().unwrap().map(drop)
    })
    .await;
    let mut next = child(&installation, "");
    let said = until_within(SOON, "the next sibling's answer", async || {
        ask(&rpc, sibling, &work).await.ok()
    })
    .await;
    let again = ask(&rpc, sibling, &work).await.unwrap();
    assert_eq!(said, again, "the same key has the same answer");
    until_within(SOON, "the effect", async || {
        let heard = count(&db, "word_heard", "entity_id").await.0;
        let fired = count(&db, "word_fired", "entity_id").await.0;
        (heard >= 1 && fired >= 1).then_some(())
    })
    .await;
    let _ = next.kill();
    let _ = next.wait();
    assert_eq!(count(&db, "word_heard", "entity_id").await, (1, 1));
    assert_eq!(count(&db, "word_fired", "entity_id").await, (1, 1));
    installation.remove().await;
}
