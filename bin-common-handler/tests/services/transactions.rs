//! What is durable, and when, on MySQL or MariaDB.

use bin_common_handler::{databasehandler::Db, testing::new_mysql_database};

/// One connection for single statements, one for transactions.
const FEWEST: usize = 2;

#[derive(sqlx::FromRow)]
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
    let (_, name) = dsn.rsplit_once('/').unwrap();
    let drop = format!("DROP DATABASE {name}");
    db.execute(&drop, vec![]).await.unwrap();
}
