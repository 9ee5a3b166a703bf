//! The database dies, hangs, and says no.

use std::time::Duration;

use sqlx::MySqlConnection;

use crate::{
    fault::{Fault, fault},
    load::Manners,
    round::Round,
};

/// Longer than any caller waits for one answer.
const HANG: Duration = Duration::from_millis(3_500);
/// Five times what a lock is waited for.
const HELD: Duration = Duration::from_secs(3);

pub const FAULTS: &[Fault] = &[
    fault(
        "database-killed",
        "SIGKILL under load: 503 or a retry; unanswered commits are settled",
        |round| Box::pin(killed(round)),
    ),
    fault(
        "database-restarted",
        "stopped and started in order",
        |round| Box::pin(restarted(round)),
    ),
    fault(
        "database-hangs",
        "SIGSTOP: a bounded wait, then UNAVAILABLE; memory stays flat",
        |round| Box::pin(hangs(round)),
    ),
    fault(
        "pool-exhausted",
        "2 connections for 500 callers: the backlog stays in the broker",
        |round| Box::pin(exhausted(round)),
    )
    .under(Manners {
        crowd: 60,
        patience: Duration::from_secs(10),
        ..Manners::USUAL
    }),
    fault(
        "lock-wait",
        "somebody holds every row for 3 s (1205): rolled back, tried again, 409 or 503",
        |round| Box::pin(lock_wait(round)),
    ),
    fault(
        "deadlock",
        "somebody locks the rows in opposite order (1213): rolled back, run again whole",
        |round| Box::pin(deadlock(round)),
    )
    .under(Manners {
        crowd: 6,
        ..Manners::USUAL
    }),
];

async fn killed(round: &mut Round<'_>) {
    round.world.lab.database.kill();
    round.world.not_ready().await;
    round.world.lab.database.start();
    round.world.lab.database.up().await;
    round.heal();
}

async fn restarted(round: &mut Round<'_>) {
    round.world.lab.database.terminate().await;
    round.world.not_ready().await;
    round.world.lab.database.start();
    round.world.lab.database.up().await;
    round.heal();
}

async fn hangs(round: &mut Round<'_>) {
    let before = unserved(round);
    round.world.lab.database.freeze(true);
    tokio::time::sleep(HANG).await;
    round.world.lab.database.freeze(false);
    round.heal();
    round.goes_on().await;
    let held_up = unserved(round) - before;
    round.promise(held_up > 0, "nobody was held up");
}

/// Attempts that came to nothing: unanswered, or told to come again.
fn unserved(round: &Round<'_>) -> u64 {
    round.load.peek(|book| {
        let told: u64 = [409, 429, 503]
            .iter()
            .filter_map(|status| book.statuses.get(status))
            .sum();
        book.unanswered + told - book.refused.len() as u64
    })
}

async fn exhausted(round: &mut Round<'_>) {
    for team in round.world.teams_mut() {
        team.replace_all(&[("DATABASE_CONNECTIONS", "2")]);
    }
    round.world.ready().await;
    round.heal();
    round.goes_on().await;
}

async fn lock_wait(round: &mut Round<'_>) {
    let mut outdial = round.world.outdial().site.db().await;
    let mut did = round.world.did().site.db().await;
    run(&mut outdial, "START TRANSACTION").await;
    run(&mut did, "START TRANSACTION").await;
    hold(&mut outdial, "SELECT id FROM outdial_outdials FOR UPDATE").await;
    hold(
        &mut outdial,
        "SELECT id FROM outdial_outdialtargets FOR UPDATE",
    )
    .await;
    hold(&mut did, "SELECT did_id FROM did_states FOR UPDATE").await;
    hold(&mut did, "SELECT id FROM did_didpools FOR UPDATE").await;
    tokio::time::sleep(HELD).await;
    run(&mut outdial, "ROLLBACK").await;
    run(&mut did, "ROLLBACK").await;
    round.heal();
}

/// Locks rows that others change all the time: it may take a few tries.
async fn hold(db: &mut MySqlConnection, sql: &'static str) {
    while sqlx::raw_sql(sql).execute(&mut *db).await.is_err() {}
}

async fn run(db: &mut MySqlConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(db).await.expect("a statement");
}

async fn deadlock(round: &mut Round<'_>) {
    const CROSSINGS_MAX: usize = 300;
    const MET_MIN: i64 = 3;
    let mut db = round.world.did().site.db().await;
    // Whoever changed more is spared: the daemon's transaction is to be the victim.
    run(&mut db, "CREATE TABLE IF NOT EXISTS test_ballast (n INT)").await;
    let (before, mut met) = (deadlocks(&mut db).await, 0);
    for _ in 0..CROSSINGS_MAX {
        cross(&mut db, &round.tenants.wide.dids).await;
        met = deadlocks(&mut db).await - before;
        if met >= MET_MIN {
            break;
        }
    }
    round.promise(met >= MET_MIN, "no transactions met");
    round.heal();
}

/// One transaction that locks counters from the last to the first, as nobody else does.
async fn cross(db: &mut MySqlConnection, dids: &[crate::tenant::Did]) {
    run(db, "START TRANSACTION").await;
    let rows = vec!["(1)"; 400].join(",");
    let sql = format!("INSERT INTO test_ballast VALUES {rows}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut *db)
        .await
        .expect("ballast");
    let mut ids: Vec<_> = dids.iter().map(|did| did.id).collect();
    ids.sort_unstable();
    for id in ids.into_iter().rev() {
        let locked = sqlx::query("SELECT did_id FROM did_states WHERE did_id = ? FOR UPDATE")
            .bind(id)
            .fetch_optional(&mut *db)
            .await;
        if locked.is_err() {
            break;
        }
    }
    run(db, "ROLLBACK").await;
}

async fn deadlocks(db: &mut MySqlConnection) -> i64 {
    let sql = "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS \
               WHERE VARIABLE_NAME = 'INNODB_DEADLOCKS'";
    sqlx::query_scalar(sql)
        .fetch_one(db)
        .await
        .expect("a figure")
}
