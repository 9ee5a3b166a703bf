//! SIGTERM: what was accepted is finished, and nobody notices.

use std::time::Duration;

use crate::{
    fault::{Fault, fault},
    load::Manners,
    round::Round,
    rows::deliveries::Keyless,
    world::{DRAIN_MAX, REPLICAS, Team},
};

/// Changes without a key that wait when the replicas are stopped.
const KEYLESS: usize = 200;

/// Of so many requests one may wait for the database in vain.
const FORGIVEN_SHARE: u64 = 50;

pub const FAULTS: &[Fault] = &[
    fault(
        "stopped-in-flight",
        "SIGTERM to one replica after the other, 200 requests in flight: no caller sees an error; exit 0",
        |round| Box::pin(in_flight(round)),
    )
    .under(Manners {
        crowd: 25,
        // They ask all at once when a replica is stopped. In between a queue of theirs would say more of how
        // fast the machine is than of what a stop does.
        pause: Duration::from_secs(1),
        forgives_waits: true,
        ..Manners::STRICT
    }),
    fault(
        "stopped-with-keyless",
        "200 changes without a key, prefetched at SIGTERM: each done once, none refused",
        |round| Box::pin(with_keyless(round)),
    ),
];

async fn in_flight(round: &mut Round<'_>) {
    for position in 0..REPLICAS {
        round.load.rest(true).await;
        round.load.rest(false).await;
        stop(round, position).await;
        for team in round.world.teams_mut() {
            team.replace(position, &[]);
        }
        round.world.ready().await;
        round.goes_on().await;
    }
    // A stop that sent its requests away would do so to most of what was in flight.
    let (forgiven, requests) = round.load.peek(|book| (book.forgiven, book.requests));
    round.promise(
        forgiven * FORGIVEN_SHARE <= requests,
        format!("{forgiven} of {requests} waited for the database in vain"),
    );
    round.heal();
}

async fn with_keyless(round: &mut Round<'_>) {
    let keyless = Keyless::publish(&round.world.outdial().site, KEYLESS).await;
    for position in 0..REPLICAS {
        stop(round, position).await;
    }
    for team in round.world.teams_mut() {
        team.replace_all(&[]);
    }
    round.heal();
    keyless.are_each_done_once(round).await;
}

/// Stops a replica of each team, in order and in time.
async fn stop(round: &mut Round<'_>, position: usize) {
    let mut said = Vec::new();
    for team in round.world.teams_mut() {
        said.extend(stop_one(team, position).await);
    }
    round.broken.extend(said);
}

async fn stop_one(team: &mut Team, position: usize) -> Option<String> {
    let manager = team.site.manager();
    let (code, took) = team.daemon_mut(position).terminate().await;
    let is_good = code == Some(0) && took < DRAIN_MAX;
    (!is_good).then(|| format!("{manager} ended with {code:?} after {took:?}"))
}
