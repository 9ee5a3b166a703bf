//! Clocks are wrong, and are set right.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    fault::{Fault, fault},
    round::Round,
    world::World,
};

/// One replica is an hour ahead for its first eight seconds.
const AHEAD: &str = "3600@0..8";
/// Every replica's clock jumps by an hour, and back.
const STEP: &str = "3600@4..8";
/// Until clocks are right again.
const WRONG_FOR: Duration = Duration::from_secs(8);

pub const FAULTS: &[Fault] = &[
    fault(
        "clock-ahead",
        "one replica is an hour ahead, then not: leases, versions and caps hold",
        |round| Box::pin(ahead(round)),
    ),
    fault(
        "clock-steps",
        "all clocks jump by an hour, and back: timers do not, keys and pages stay valid",
        |round| Box::pin(step(round)),
    ),
];

async fn ahead(round: &mut Round<'_>) {
    let born = Instant::now();
    for team in round.world.teams_mut() {
        team.replace(0, &[("TANDEM_CLOCK", AHEAD)]);
    }
    until_right(round, born).await;
}

async fn step(round: &mut Round<'_>) {
    let born = Instant::now();
    for team in round.world.teams_mut() {
        team.replace_all(&[("TANDEM_CLOCK", STEP)]);
    }
    until_right(round, born).await;
}

async fn until_right(round: &mut Round<'_>, born: Instant) {
    round.world.ready().await;
    round.goes_on().await;
    tokio::time::sleep_until(born + WRONG_FOR).await;
    // A process reads its clock for the first time a moment after it was born.
    tokio::time::sleep(Duration::from_secs(1)).await;
    round.heal();
    let ahead = made_ahead(round.world).await;
    round.promise(ahead > 0, "no clock was ahead");
}

/// Outdials that were made in the future, as their rows tell.
async fn made_ahead(world: &World) -> i64 {
    let rows = "outdial_outdials WHERE tm_create > UTC_TIMESTAMP() + INTERVAL 30 MINUTE";
    world.outdial().site.count(rows).await
}
