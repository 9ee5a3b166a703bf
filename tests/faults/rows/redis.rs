//! Redis forgets, vanishes and hangs, and nobody notices: no error, no old state, nobody dialled twice.

use crate::{
    fault::{Fault, fault},
    load::Manners,
    round::Round,
};

pub const FAULTS: &[Fault] = &[
    fault("redis-flushed", "FLUSHALL in mid-load", |round| {
        Box::pin(flushed(round))
    })
    .under(Manners::STRICT),
    fault(
        "redis-killed",
        "gone, and back without its memory",
        |round| Box::pin(killed(round)),
    )
    .under(Manners::STRICT),
    fault("redis-hangs", "SIGSTOP", |round| Box::pin(hangs(round))).under(Manners::STRICT),
];

async fn flushed(round: &mut Round<'_>) {
    for _ in 0..5 {
        round.world.lab.forget().await;
        round.goes_on().await;
    }
    round.heal();
}

async fn killed(round: &mut Round<'_>) {
    round.world.lab.redis.kill();
    round.goes_on().await;
    round.world.lab.redis.start();
    round.world.lab.redis.up().await;
    round.heal();
}

async fn hangs(round: &mut Round<'_>) {
    round.world.lab.redis.freeze(true);
    round.goes_on().await;
    round.world.lab.redis.freeze(false);
    round.heal();
}
