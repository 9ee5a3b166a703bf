//! Leases: each target that may be dialled is handed out to one caller at a time.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bin_common_handler::{
    models::sock::Method::Get,
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use sqlx::{Connection, Executor, MySqlConnection};
use tokio::task::JoinSet;

use crate::world::{
    LONG_LEASES, Outdial, World, get_target, id, ids, list, progress, put_status, text,
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_leased_target_is_handed_out_again_when_its_lease_ends(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let lease = Duration::from_secs(2);
    let world = World::with(kind, &[("OUTDIAL_LEASE", "2s")]).await;
    let outdial = world.outdial().await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        expected.push(id(&outdial.target().await));
    }
    let began = Instant::now();
    for position in 0..2 {
        let taken = outdial.available("try_count_0=1&limit=1").await;
        assert_eq!(ids(&taken), expected[position..=position]);
    }
    let free = ids(&outdial.available("try_count_0=1&lease=0").await);
    if began.elapsed() < lease {
        assert_eq!(free, expected[2..], "two are leased");
    }
    // A look takes nothing, so it may be repeated.
    until("the leases end", async || {
        let free = outdial.available("try_count_0=1&lease=0").await;
        (free.len() == 3).then_some(())
    })
    .await;
    assert!(began.elapsed() >= lease, "not before their time");
    let again = outdial.available("try_count_0=1&limit=2").await;
    assert_eq!(ids(&again), expected[..2], "the oldest first, as before");
    let last = outdial.available("try_count_0=1").await;
    assert_eq!(ids(&last), expected[2..]);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn looking_takes_nothing(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with(kind, LONG_LEASES).await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    let look = format!("{}/available?try_count_0=1", outdial.uri);
    for _ in 0..3 {
        assert_eq!(
            outdial.available("try_count_0=1&lease=0").await,
            std::slice::from_ref(&target)
        );
        let body = Some(json!({"lease": 0}));
        assert_eq!(world.client.ok(Get, &look, body).await, json!([target]));
    }
    assert_eq!(outdial.available("try_count_0=1").await, [target]);
    for query in ["try_count_0=1&lease=0", "try_count_0=1"] {
        assert!(outdial.available(query).await.is_empty(), "it is leased");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn without_leases_everybody_sees_everything(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, &[("OUTDIAL_LEASE", "0")]).await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    for _ in 0..3 {
        assert_eq!(
            outdial.available("try_count_0=1").await,
            std::slice::from_ref(&target)
        );
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_status_ends_the_lease(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with(kind, LONG_LEASES).await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    assert_eq!(outdial.available("try_count_0=3").await.len(), 1);
    assert_eq!(progress(&world.client, &target, 0).await.0, 200);
    assert!(outdial.available("try_count_0=3").await.is_empty());
    let (_, idle) = put_status(&world.client, &target, "idle").await;
    assert_eq!(
        outdial.available("try_count_0=3").await,
        [idle],
        "the lease from before does not hold it back"
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_no_change(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    let taken = outdial.available("try_count_0=1").await;
    assert_eq!(taken, std::slice::from_ref(&target));
    assert_eq!(get_target(&world.client, &target).await, target);
    world.outdial().await;
    let kinds = events.kinds(3).await;
    assert_eq!(
        kinds,
        [
            "outdial_created",
            "outdialtarget_created",
            "outdial_created"
        ]
    );
    world.end().await;
}

/// One answer of `available`, and when its request was sent and answered.
struct Handed {
    ids: Vec<String>,
    asked: Instant,
    answered: Instant,
}

/// Many callers at once, each until it is told that there is no more, or all have been handed out.
async fn claim_all(
    world: &World,
    outdial: &Outdial<'_>,
    callers: usize,
    count: usize,
) -> Vec<Handed> {
    let handed = Arc::new(Mutex::new((Vec::new(), HashSet::new())));
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (client, handed) = (world.client.clone(), Arc::clone(&handed));
        let uri = format!(
            "{}/available?try_count_0=1&limit={}",
            outdial.uri,
            caller % 5 + 1
        );
        tasks.spawn(async move {
            loop {
                let asked = Instant::now();
                let (status, reply) = client.call(Get, &uri, None).await;
                if status == 503 {
                    // Too many at once is an honest answer; an empty list would not be.
                    continue;
                }
                assert_eq!(status, 200, "{reply}");
                let ids = ids(&list(reply));
                let is_last = ids.is_empty();
                let (answers, seen) = &mut *handed.lock().unwrap();
                seen.extend(ids.clone());
                answers.push(Handed {
                    ids,
                    asked,
                    answered: Instant::now(),
                });
                if is_last || seen.len() == count {
                    return;
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    Arc::into_inner(handed).unwrap().into_inner().unwrap().0
}

/// Each target was handed out, never twice within one lease, and nobody was told too early that there
/// are no more.
fn check_handed(handed: &[Handed], count: usize, lease: Duration) {
    let mut by_target: HashMap<&str, Vec<&Handed>> = HashMap::new();
    for answer in handed {
        for id in &answer.ids {
            by_target.entry(id).or_default().push(answer);
        }
    }
    assert_eq!(by_target.len(), count, "all are handed out");
    let mut last_first_asked = None;
    for answers in by_target.values_mut() {
        answers.sort_by_key(|answer| answer.asked);
        last_first_asked = last_first_asked.max(Some(answers[0].asked));
        for pair in answers.windows(2) {
            // Whoever asked first may have been served last.
            let (a, b) = (pair[0], pair[1]);
            let apart = (b.answered - a.asked).max(a.answered - b.asked);
            assert!(apart >= lease, "handed out twice within {apart:?}");
        }
    }
    for empty in handed.iter().filter(|answer| answer.ids.is_empty()) {
        assert!(
            last_first_asked < Some(empty.answered),
            "an empty list although a target was free"
        );
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn many_callers_get_each_target_once(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::replicated(kind, LONG_LEASES).await;
    let outdial = world.outdial().await;
    outdial.fill(1_000).await;
    let handed = claim_all(&world, &outdial, 64, 1_000).await;
    check_handed(&handed, 1_000, Duration::from_millis(4_999));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn many_callers_share_targets_whose_leases_have_ended(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind, LONG_LEASES).await;
    let outdial = world.outdial().await;
    // Fewer than are forgotten at once, and more: both ways to find them again.
    for count in [80, 300] {
        outdial.fill(count).await;
        world
            .sql(
                "UPDATE outdial_outdialtargets SET lease_until = 1 WHERE status = 'idle'",
                vec![],
            )
            .await;
        let handed = claim_all(&world, &outdial, 64, count).await;
        check_handed(&handed, count, Duration::from_millis(4_999));
        world
            .sql(
                "UPDATE outdial_outdialtargets SET status = 'done', lease_until = NULL",
                vec![],
            )
            .await;
    }
    world.end().await;
}

fn dsn(world: &World) -> String {
    let found = world
        .installation
        .settings
        .iter()
        .find(|(name, _)| *name == "DATABASE_DSN");
    found.unwrap().1.clone()
}

/// A stranger's transaction that holds a row until it is rolled back.
async fn hold(world: &World, target: &Json) -> MySqlConnection {
    let mut stranger = MySqlConnection::connect(&dsn(world)).await.unwrap();
    stranger.execute("START TRANSACTION").await.unwrap();
    let held = sqlx::query("SELECT id FROM outdial_outdialtargets WHERE id = ? FOR UPDATE")
        .bind(text(target, "id").parse::<uuid::Uuid>().unwrap())
        .fetch_all(&mut stranger)
        .await
        .unwrap();
    assert_eq!(held.len(), 1);
    stranger
}

#[rstest]
#[case::never_leased(false)]
#[case::lease_ended(true)]
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_no_reason_for_an_empty_list(#[case] was_leased: bool) {
    let world = World::with(Kind::Full, LONG_LEASES).await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    if was_leased {
        world
            .sql("UPDATE outdial_outdialtargets SET lease_until = 1", vec![])
            .await;
    }
    let uri = format!("{}/available?try_count_0=1&limit=1", outdial.uri);

    let stranger = hold(&world, &target).await;
    let (status, reason) = world.refused(Get, &uri, None).await;
    assert_eq!((status, reason.as_str()), (503, "DATABASE_UNAVAILABLE"));

    // It is there before: the claim waits for a second at most.
    let mut onlooker = MySqlConnection::connect(&dsn(&world)).await.unwrap();
    let client = world.client.clone();
    let mut waiting = JoinSet::new();
    let asked = uri.clone();
    waiting.spawn(async move { client.call(Get, &asked, None).await });
    until("the claim waits for the row", async || {
        let waits = sqlx::query(
            "SELECT 1 FROM information_schema.processlist \
             WHERE db = DATABASE() AND info LIKE '%FOR UPDATE' AND time_ms > 20",
        )
        .fetch_all(&mut onlooker)
        .await
        .unwrap();
        (!waits.is_empty()).then_some(())
    })
    .await;
    stranger.close().await.unwrap();
    let (status, reply) = waiting.join_next().await.unwrap().unwrap();
    assert_eq!((status, reply), (200, json!([target])), "it waited");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_passed_over_where_others_are_free() {
    let world = World::with(Kind::Full, LONG_LEASES).await;
    let outdial = world.outdial().await;
    let first = outdial.target().await;
    let second = outdial.target().await;
    let stranger = hold(&world, &first).await;
    assert_eq!(outdial.available("try_count_0=1&limit=1").await, [second]);
    stranger.close().await.unwrap();
    assert_eq!(outdial.available("try_count_0=1&limit=1").await, [first]);
    world.end().await;
}

#[test]
fn a_lease_as_long_as_the_campaign_managers_pause_is_refused_at_start() {
    use bin_common_handler::config::Config;
    let lease = |value| {
        Config::with_values(
            bin_outdial_manager::MANAGER.settings,
            &[("OUTDIAL_LEASE", value)],
        )
    };
    assert!(lease("5s").is_err() && lease("4999ms").is_ok() && lease("0").is_ok());
}
