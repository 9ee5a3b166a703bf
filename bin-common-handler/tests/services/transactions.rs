//! What is durable, and when, on MySQL or MariaDB.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use bin_common_handler::{
    clock::Clock,
    databasehandler::Db,
    inbox::Inbox,
    listenhandler::{Intake, Json, Router, RouterContext, Routes, State, Wired},
    metrics::Metrics,
    models::{
        error::Result,
        sock::{Method, Request, Response},
    },
    sockhandler::{Delivered, Probe, Serve},
    testing::new_mysql_database,
};
use rstest::rstest;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

/// One connection for single statements, one for transactions.
const FEWEST: usize = 2;

#[derive(bin_common_handler::FromRow)]
struct Count {
    rows_there: i64,
}

async fn rows(db: &Db) -> i64 {
    let sql = "SELECT COUNT(*) AS rows_there FROM things";
    let count: Option<Count> = db.fetch_optional(sql, vec![]).await.unwrap();
    count.unwrap().rows_there
}

#[tokio::test]
async fn a_transaction_stands_as_a_whole_or_not_at_all() {
    let dsn = new_mysql_database().await;
    let [db, other] = [(); 2].map(|()| Db::new(&dsn.parse().unwrap(), FEWEST).unwrap());
    let things = "CREATE TABLE things (id INT PRIMARY KEY)";
    db.execute(things, vec![]).await.unwrap();
    let insert = "INSERT INTO things (id) VALUES (?)";

    let single = db.execute(insert, vec![1_i64.into()]).await;
    assert_eq!(single.unwrap(), 1);
    assert_eq!(rows(&other).await, 1, "a single statement needs no commit");

    let mut dropped = db.begin().await.unwrap();
    dropped.execute(insert, vec![2_i64.into()]).await.unwrap();
    dropped.execute(insert, vec![3_i64.into()]).await.unwrap();
    assert_eq!(rows(&other).await, 1, "nothing is seen before the commit");
    drop(dropped);

    // On the same connection: there is but one.
    let mut next = db.begin().await.unwrap();
    let again = next.execute(insert, vec![2_i64.into()]).await;
    assert_eq!(again.unwrap(), 1, "what was dropped is undone");
    next.commit().await.unwrap();
    assert_eq!(rows(&other).await, 2);

    let mut undone = db.begin().await.unwrap();
    undone.execute(insert, vec![3_i64.into()]).await.unwrap();
    undone.rollback().await;
    let mut last = db.begin().await.unwrap();
    last.execute(insert, vec![4_i64.into()]).await.unwrap();
    last.commit().await.unwrap();
    assert_eq!(
        rows(&other).await,
        3,
        "what was taken back did not come along"
    );
    remove(&db, &dsn).await;
}

async fn remove(db: &Db, dsn: &str) {
    let (_, name) = dsn.rsplit_once('/').unwrap();
    let drop = format!("DROP DATABASE {name}");
    db.execute(&drop, vec![]).await.unwrap();
}

struct Nobody;

#[async_trait]
impl Probe for Nobody {
    async fn is_gone(&self, _: &str) -> bool {
        false
    }
}

/// Work that holds row 1 and wants row 2.
struct Knot {
    db: Db,
    attempts: AtomicU32,
    holds_one: Notify,
}

const CHANGE: &str = "UPDATE things SET n = n + 1 WHERE id = ?";

async fn tie(State(knot): State<Arc<Knot>>) -> Result<Json<u32>> {
    let attempt = knot.attempts.fetch_add(1, Ordering::SeqCst) + 1;
    let mut tx = knot.db.begin().await?;
    tx.execute(CHANGE, vec![1_i64.into()]).await?;
    knot.holds_one.notify_one();
    tx.execute(CHANGE, vec![2_i64.into()]).await?;
    tx.commit().await?;
    Ok(Json(attempt))
}

/// Somebody with more to lose holds row 2 and wants row 1: the server ends the work with error 1213.
#[rstest]
#[case(Method::Get)]
#[case(Method::Put)]
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_run_again_and_not_told(#[case] method: Method) {
    let dsn = new_mysql_database().await;
    let db = Db::new(&dsn.parse().unwrap(), 8).unwrap();
    let things = "CREATE TABLE things (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0)";
    db.execute(things, vec![]).await.unwrap();
    for table in ["t_inbox", "t_outbox"] {
        let other = format!("CREATE TABLE {table} (id INT PRIMARY KEY)");
        db.execute(&other, vec![]).await.unwrap();
    }
    let rows = (1..=500).map(|id| format!("({id})")).collect::<Vec<_>>();
    let insert = format!("INSERT INTO things (id) VALUES {}", rows.join(","));
    db.execute(&insert, vec![]).await.unwrap();
    let knot = Arc::new(Knot {
        db: db.clone(),
        attempts: AtomicU32::new(0),
        holds_one: Notify::new(),
    });
    let routes = Routes::default().get("/v1/knot", tie).put("/v1/knot", tie);
    let metrics = Metrics::new().unwrap();
    let ours = metrics.for_manager("knot-manager").unwrap();
    let context = RouterContext {
        domain: "knot-manager",
        inbox: Inbox::new(db.clone(), "t"),
        clock: Clock::default(),
        metrics,
        manager_metrics: ours,
        intake: Intake::default(),
        work: TaskTracker::new(),
    };
    let router = Router::new(Wired::new(routes, Arc::clone(&knot)), context);
    let router = router.unwrap();
    let mut other = db.begin().await.unwrap();
    let many = "UPDATE things SET n = n + 1 WHERE id > 1";
    other.execute(many, vec![]).await.unwrap();
    let request = Request::new(method, "/v1/knot", "test");
    let body = serde_json::to_vec(&request).unwrap();
    let asked = tokio::spawn(async move {
        let delivered = Delivered {
            body,
            ..Delivered::default()
        };
        router.serve(delivered, &Nobody).await
    });
    knot.holds_one.notified().await;
    other.execute(CHANGE, vec![1_i64.into()]).await.unwrap();
    other.commit().await.unwrap();
    let reply: Response = asked.await.unwrap().unwrap();
    assert_eq!(reply.status_code, 200, "{}", reply.body());
    let attempts: u32 = serde_json::from_str(reply.body()).unwrap();
    assert!(attempts > 1, "there was no deadlock");
    remove(&db, &dsn).await;
}
