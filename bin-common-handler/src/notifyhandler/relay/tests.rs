//! What is published, deleted and measured, with a lease that confirms as it is told.

use std::sync::Mutex;

use uuid::Uuid;

use super::{
    window::{EVENT_MAX, WINDOW},
    *,
};
use crate::{
    cachehandler::Cache,
    databasehandler::{Db, Value, scratch},
    ids,
    metrics::Metrics,
    notifyhandler::outbox,
    sockhandler::{MockPublisherLease, Outgoing, inprocess::InProcess},
};

fn relay(db: &Db) -> Relay {
    let (waker, clock) = (Arc::<Waker>::default(), Clock::default());
    let store = Store::new(
        db.clone(),
        clock,
        Cache::local(),
        Arc::clone(&waker),
        "t",
        "test-manager",
    );
    let common = Metrics::new().unwrap();
    let manager = common.for_manager("test-manager").unwrap();
    Relay::new(
        &store,
        waker,
        Arc::new(InProcess::default()),
        RelayMetrics { common, manager },
        "test-manager",
        false,
    )
}

/// Changes of one entity, one event each; their ids in order.
async fn commit(db: &Db, bodies: &[String]) -> Vec<String> {
    let mut event_ids = Vec::new();
    for (version, body) in (1..).zip(bodies) {
        let id = ids::next();
        let values = vec![
            id.into(),
            "thing_updated".into(),
            Uuid::from_u128(7).into(),
            Uuid::nil().into(),
            Value::Int(version),
            body.as_str().into(),
            Value::Int(0),
        ];
        db.execute(&outbox::insert("t", 1), values).await.unwrap();
        event_ids.push(id.to_string());
    }
    event_ids
}

async fn commit_small(db: &Db, count: usize) -> Vec<String> {
    commit(db, &vec!["{}".to_owned(); count]).await
}

async fn left(db: &Db) -> Vec<String> {
    let waiting = Outbox::new(db.clone(), "t").oldest(1_000).await.unwrap();
    waiting
        .iter()
        .map(|event| event.event_id.to_string())
        .collect()
}

/// A lease that answers each window with the next of `confirms` (all, when they are used up), and the
/// ids it was given.
fn lease(confirms: Vec<Vec<bool>>) -> (MockPublisherLease, Arc<Mutex<Vec<Vec<String>>>>) {
    let windows = Arc::new(Mutex::new(Vec::new()));
    let (mut lease, seen) = (MockPublisherLease::new(), Arc::clone(&windows));
    let mut confirms = confirms.into_iter();
    lease.expect_is_held().return_const(true);
    lease
        .expect_publish()
        .returning(move |events: &[Outgoing]| {
            let ids = events.iter().map(|event| event.message_id.clone());
            seen.lock().unwrap().push(ids.collect());
            confirms.next().unwrap_or_else(|| vec![true; events.len()])
        });
    (lease, windows)
}

#[tokio::test]
async fn only_what_is_confirmed_before_the_first_gap_is_removed() {
    let (db, _dir) = scratch::database().await;
    let ids = commit_small(&db, 5).await;
    let (mut lease, windows) = lease(vec![vec![true, true, false, true, true]]);
    let relay = relay(&db);
    assert!(
        !relay
            .drain(&mut lease, &CancellationToken::new())
            .await
            .unwrap()
    );
    assert_eq!(
        left(&db).await,
        ids[2..],
        "confirmed after the gap is not done"
    );
    assert!(
        relay
            .drain(&mut lease, &CancellationToken::new())
            .await
            .unwrap()
    );
    assert_eq!(left(&db).await, [""; 0]);
    let windows = windows.lock().unwrap();
    assert_eq!(
        *windows,
        [ids.clone(), ids[2..].to_vec()],
        "the same ids again, in order"
    );
}

#[tokio::test]
async fn nothing_confirmed_is_nothing_removed() {
    let (db, _dir) = scratch::database().await;
    let ids = commit_small(&db, 3).await;
    let (mut lease, _) = lease(vec![vec![false, true, true], vec![false; 3]]);
    let relay = relay(&db);
    for _ in 0..2 {
        assert!(
            !relay
                .drain(&mut lease, &CancellationToken::new())
                .await
                .unwrap()
        );
        assert_eq!(left(&db).await, ids);
    }
}

#[tokio::test]
async fn what_waits_is_measured_while_somebody_else_may_publish() {
    let (db, _dir) = scratch::database().await;
    commit_small(&db, 3).await;
    let relay = relay(&db);
    let gauge = relay.metrics.common.outbox_depth.clone();
    let transport = Arc::clone(&relay.transport);
    let _held = transport.lease("test-manager", "one").await.unwrap();
    let measured = async {
        while gauge.with_label_values(&["test-manager"]).get() != 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = relay.run("one".to_owned(), CancellationToken::new()) => panic!("it ended"),
        in_time = tokio::time::timeout(DRAIN_MAX, measured) => in_time.unwrap(),
    }
}

#[tokio::test]
async fn many_windows_leave_in_order() {
    let (db, _dir) = scratch::database().await;
    let ids = commit_small(&db, WINDOW + 3).await;
    let (mut lease, windows) = lease(vec![]);
    assert!(
        relay(&db)
            .drain(&mut lease, &CancellationToken::new())
            .await
            .unwrap()
    );
    assert_eq!(windows.lock().unwrap().concat(), ids);
    assert_eq!(left(&db).await, [""; 0]);
}

#[tokio::test]
async fn an_event_too_large_is_parked_and_those_behind_it_go_on() {
    let (db, _dir) = scratch::database().await;
    let large = format!("\"{}\"", "x".repeat(EVENT_MAX));
    let bodies = ["{}".to_owned(), large, "{}".to_owned()];
    let ids = commit(&db, &bodies).await;
    let (mut lease, windows) = lease(vec![]);
    assert!(
        relay(&db)
            .drain(&mut lease, &CancellationToken::new())
            .await
            .unwrap()
    );
    let windows = windows.lock().unwrap().concat();
    assert_eq!(windows, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(left(&db).await, [""; 0]);
    let parked = Outbox::new(db.clone(), "t").parked().await;
    assert_eq!(parked, [ids[1].clone()]);
}
