//! Who publishes events sleeps, dies, or is refused.

use std::time::Duration;

use bin_common_handler::testing::lab::until;
use rand::RngExt;

use crate::{
    fault::{Fault, fault},
    load::Manners,
    round::Round,
    world::REPLICAS,
};

/// How long sinks refuse events, and now and then in a night.
const REFUSED: Duration = Duration::from_secs(4);
const LONG_REFUSED: Duration = Duration::from_secs(600);
/// Of so many rounds one is long.
const LONG_ONE_IN: u32 = 10;
/// Bytes of the large events: as much as a detail may have.
const LARGE: usize = 60_000;

pub const FAULTS: &[Fault] = &[
    fault(
        "relay-sleeps",
        "SIGSTOP in mid-window, another takes over, it wakes: no old event after a newer",
        |round| Box::pin(sleeps(round)),
    ),
    fault(
        "two-relays",
        "four replicas, whoever publishes is killed in mid-batch",
        |round| Box::pin(killed_among_four(round)),
    ),
    fault(
        "confirms-out-of-order",
        "large and small events mixed, and a crash: the last event of each entity is its row",
        |round| Box::pin(killed_among_large(round)),
    )
    .under(Manners {
        ballast: LARGE,
        ..Manners::USUAL
    }),
    fault(
        "sink-gone",
        "sinks refuse everything: the outbox grows and its age is told, then it is drained",
        |round| Box::pin(sink_gone(round)),
    ),
];

/// The broker closes the sleeper's connections, as it does by itself after two lost heartbeats.
async fn sleeps(round: &mut Round<'_>) {
    for _ in 0..2 {
        let world = &mut *round.world;
        let mut sleepers = Vec::new();
        for team in world.teams() {
            let sleeper = team.publisher().await;
            team.daemon(sleeper).signal("STOP");
            sleepers.push(sleeper);
        }
        world.lab.cut_connections();
        for (team, sleeper) in world.teams().iter().zip(sleepers) {
            team.publishes(REPLICAS - 1 - sleeper).await;
            team.daemon(sleeper).signal("CONT");
        }
        round.goes_on().await;
    }
    round.heal();
}

async fn killed_among_four(round: &mut Round<'_>) {
    for team in round.world.teams_mut() {
        team.reinforce();
        team.reinforce();
    }
    round.world.ready().await;
    kill_publishers(round, 2).await;
    round.heal();
}

async fn killed_among_large(round: &mut Round<'_>) {
    kill_publishers(round, 2).await;
    round.heal();
}

async fn kill_publishers(round: &mut Round<'_>, times: usize) {
    for _ in 0..times {
        for team in round.world.teams_mut() {
            let publisher = team.publisher().await;
            team.replace(publisher, &[]);
        }
        round.goes_on().await;
    }
}

async fn sink_gone(round: &mut Round<'_>) {
    round.world.lab.refuse_events(true);
    let is_long = round.is_long && round.chance.random_ratio(1, LONG_ONE_IN);
    let refused = if is_long { LONG_REFUSED } else { REFUSED };
    tokio::time::sleep(refused).await;
    for team in round.world.teams() {
        let manager = team.site.manager();
        until(
            &format!("{manager} tells how old its events are"),
            async || {
                let oldest_ms = team.figure("tandem_outbox_oldest_milliseconds", "").await;
                (oldest_ms > 1_000.0).then_some(())
            },
        )
        .await;
    }
    round.world.lab.refuse_events(false);
    round.heal();
}
