//! A daemon dies where it hurts. Callers ask again under the same key: what was done is answered as it was,
//! what was not is done.

use rand::RngExt;

use crate::{
    fault::{Fault, fault},
    round::Round,
    world::REPLICAS,
};

pub const FAULTS: &[Fault] = &[
    fault(
        "crash-before-commit",
        "SIGKILL right before COMMIT",
        |round| Box::pin(in_company(round, "before_commit")),
    ),
    fault(
        "crash-after-commit",
        "SIGKILL after COMMIT, before the relay is woken",
        |round| Box::pin(in_company(round, "after_commit")),
    ),
    fault(
        "crash-before-confirm",
        "SIGKILL after publishing, before the confirms",
        |round| Box::pin(alone(round, "after_publish")),
    ),
    fault(
        "crash-before-delete",
        "SIGKILL after the confirms, before the outbox is cleared",
        |round| Box::pin(alone(round, "before_outbox_delete")),
    ),
    fault(
        "crash-before-reply",
        "SIGKILL after the effect, before the reply",
        |round| Box::pin(in_company(round, "before_reply")),
    ),
    fault(
        "crash-before-ack",
        "SIGKILL after the reply, before the acknowledgement",
        |round| Box::pin(in_company(round, "before_ack")),
    ),
    fault("crash-anywhere", "SIGKILL at any time", |round| {
        Box::pin(anywhere(round))
    }),
];

/// One replica of each team dies at `place`; the other goes on.
async fn in_company(round: &mut Round<'_>, place: &str) {
    let victim = round.chance.random_range(0..REPLICAS);
    let failpoint = format!("{place}:{}", round.chance.random_range(1..40));
    for team in round.world.teams_mut() {
        team.replace(victim, &[("TANDEM_FAILPOINT", &failpoint)]);
    }
    for team in round.world.teams_mut() {
        let code = team.daemon_mut(victim).ended().await;
        assert_eq!(code, None, "killed at {failpoint}");
        team.replace(victim, &[]);
    }
    round.heal();
}

/// Only who publishes gets to some places, so there is only one.
async fn alone(round: &mut Round<'_>, place: &str) {
    let failpoint = format!("{place}:{}", round.chance.random_range(1..6));
    for team in round.world.teams_mut() {
        for position in 1..REPLICAS {
            team.daemon(position).signal("KILL");
        }
        team.replace(0, &[("TANDEM_FAILPOINT", &failpoint)]);
    }
    for team in round.world.teams_mut() {
        let code = team.daemon_mut(0).ended().await;
        assert_eq!(code, None, "killed at {failpoint}");
        team.replace_all(&[]);
    }
    round.heal();
}

async fn anywhere(round: &mut Round<'_>) {
    for _ in 0..3 {
        let victim = round.chance.random_range(0..REPLICAS);
        let operations = round.chance.random_range(1..10);
        round.load.goes_on(operations).await;
        for team in round.world.teams_mut() {
            team.replace(victim, &[]);
        }
    }
    round.heal();
}
