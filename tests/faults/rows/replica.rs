//! A replica stalls in the middle of its work, and wakes with transactions that are over and callers that are gone.

use std::time::Duration;

use rand::RngExt;
use tokio::time::Instant;

use crate::{
    fault::{Fault, fault},
    round::Round,
    world::REPLICAS,
};

/// Longer than the database lets a transaction idle.
const SLEEP: Duration = Duration::from_secs(9);
/// The same in a night.
const LONG_SLEEP: Duration = Duration::from_secs(60);
/// A lock that a sleeper holds is free by then: the database ends its transaction after five seconds.
const FREED_MAX: Duration = Duration::from_secs(7);

pub const FAULTS: &[Fault] = &[fault(
    "replica-stalls",
    "SIGSTOP inside transactions: others are freed within seconds, its COMMIT fails cleanly",
    |round| Box::pin(stalls(round)),
)];

async fn stalls(round: &mut Round<'_>) {
    let sleeper = round.chance.random_range(0..REPLICAS);
    for team in round.world.teams() {
        team.daemon(sleeper).signal("STOP");
    }
    let slept = Instant::now();
    tokio::time::sleep_until(slept + FREED_MAX).await;
    let held = held_for_long(round).await;
    round.promise(held == 0, format!("{held} transactions hold others up"));
    let sleep = if round.is_long { LONG_SLEEP } else { SLEEP };
    tokio::time::sleep_until(slept + sleep).await;
    for team in round.world.teams() {
        team.daemon(sleeper).signal("CONT");
    }
    round.heal();
}

/// Transactions of daemons that began before the sleep.
async fn held_for_long(round: &Round<'_>) -> i64 {
    let began = format!("NOW() - INTERVAL {} SECOND", FREED_MAX.as_secs());
    let rows = format!("information_schema.INNODB_TRX WHERE trx_started < {began}");
    round.world.outdial().site.count(&rows).await
}
