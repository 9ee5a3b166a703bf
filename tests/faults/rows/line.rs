//! Lines go dead, and nobody is told: a host without power, a firewall that forgot its connections.

use std::time::Duration;

use bin_common_handler::testing::{
    lab::{Line, Way},
    until_within,
};
use rand::RngExt;

use crate::{
    fault::{Fault, fault},
    round::Round,
    world::Team,
};

/// Two heartbeats of ten seconds, and what a new connection takes on a busy machine.
const NOTICED_MAX: Duration = Duration::from_secs(32);
/// A connection that is accepted and never answered is given up after ten seconds; and a pause, and a little.
const GIVEN_UP_MAX: Duration = Duration::from_secs(20);

pub const FAULTS: &[Fault] = &[
    fault(
        "line-to-broker-dead",
        "what one replica sends, or is sent, vanishes: noticed within two heartbeats",
        |round| Box::pin(broker_line_dies(round)),
    ),
    fault(
        "broker-mute",
        "the broker accepts and never speaks: given up in 10 s, tried again",
        |round| Box::pin(broker_is_mute(round)),
    ),
    fault(
        "line-to-database-dead",
        "statements vanish: their connections are given up in 8 s",
        |round| Box::pin(database_line_dies(round)),
    ),
    fault(
        "line-to-database-slow",
        "each answer takes 60 ms more",
        |round| Box::pin(database_line_is_slow(round)),
    ),
];

/// Puts the first replica of each team at the other end of a line to the broker.
async fn over_broker_line(round: &mut Round<'_>) -> Line {
    let line = Line::to(&round.world.lab.broker).await;
    for team in round.world.teams_mut() {
        let address = team.site.amqp_over(&line);
        team.replace(0, &[("RABBITMQ_ADDRESS", &address)]);
    }
    round.world.ready().await;
    round.goes_on().await;
    line
}

/// The same with the database.
async fn over_database_line(round: &mut Round<'_>) -> Line {
    let line = Line::to(&round.world.lab.database).await;
    for team in round.world.teams_mut() {
        let dsn = team.site.dsn_over(&line);
        team.replace(0, &[("DATABASE_DSN", &dsn)]);
    }
    round.world.ready().await;
    round.goes_on().await;
    line
}

/// How often the first replica began to consume.
fn lives(team: &Team) -> usize {
    team.daemon(0).log().matches("consuming requests").count()
}

async fn consumes_again(team: &Team, lives_before: usize, max: Duration) {
    until_within(max, "the replica consumes again", async || {
        (lives(team) > lives_before).then_some(())
    })
    .await;
}

async fn broker_line_dies(round: &mut Round<'_>) {
    let line = over_broker_line(round).await;
    let before = round.world.teams().iter().map(lives).collect::<Vec<_>>();
    match round.chance.random_range(0..3) {
        0 => line.swallow(Way::Up),
        1 => line.swallow(Way::Down),
        _ => line.die(),
    }
    round.heal();
    for (team, before) in round.world.teams().iter().zip(before) {
        consumes_again(team, before, NOTICED_MAX).await;
    }
}

async fn broker_is_mute(round: &mut Round<'_>) {
    let line = over_broker_line(round).await;
    let before = round.world.teams().iter().map(lives).collect::<Vec<_>>();
    line.mute(true);
    round.world.lab.cut_connections();
    for team in round.world.teams() {
        until_within(GIVEN_UP_MAX, "the connection is given up", async || {
            let log = team.daemon(0).log();
            log.contains("no answer in time").then_some(())
        })
        .await;
    }
    line.mute(false);
    round.heal();
    for (team, before) in round.world.teams().iter().zip(before) {
        consumes_again(team, before, GIVEN_UP_MAX).await;
    }
}

async fn database_line_dies(round: &mut Round<'_>) {
    let line = over_database_line(round).await;
    line.die();
    round.heal();
    round.goes_on().await;
}

async fn database_line_is_slow(round: &mut Round<'_>) {
    let line = over_database_line(round).await;
    line.delay(Duration::from_millis(30));
    round.goes_on().await;
    line.delay(Duration::ZERO);
    round.heal();
}
