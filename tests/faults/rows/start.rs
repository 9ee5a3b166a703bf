//! Started before what it needs.

use bin_common_handler::testing::lab::until;

use crate::{
    fault::{Fault, fault},
    round::Round,
    world::Team,
};

pub const FAULTS: &[Fault] = &[fault(
    "absent-at-start",
    "daemons start before their services: they say what they wait for, and take no requests",
    |round| Box::pin(absent(round)),
)];

async fn absent(round: &mut Round<'_>) {
    let lab = &mut round.world.lab;
    lab.broker.kill();
    lab.database.kill();
    lab.redis.kill();
    for team in round.world.teams_mut() {
        team.replace_all(&[]);
    }
    everywhere(round, "database", 503, "down").await;
    round.world.lab.database.start();
    everywhere(round, "database", 503, "up").await;
    for team in round.world.teams() {
        says(team, team.site.manager(), 503, "down").await;
    }
    round.world.lab.broker.start();
    everywhere(round, "cache", 200, "reduced").await;
    round.world.lab.redis.start();
    round.world.lab.redis.up().await;
    round.heal();
    everywhere(round, "cache", 200, "up").await;
}

/// Waits until every team's replicas say so.
async fn everywhere(round: &Round<'_>, part: &str, status: u16, state: &str) {
    for team in round.world.teams() {
        says(team, part, status, state).await;
    }
}

async fn says(team: &Team, part: &str, status: u16, state: &str) {
    for position in 0..crate::world::REPLICAS {
        let daemon = team.daemon(position);
        until(&format!("{part} is {state}"), async || {
            let (code, report) = daemon.report("/readyz").await?;
            let said = report["parts"][part]["state"].as_str()?;
            ((code, said) == (status, state)).then_some(())
        })
        .await;
    }
}
