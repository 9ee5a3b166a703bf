//! Deterministic simulations: one seed decides who acts next, what fails and how long things take, so that a
//! run that fails can be run again.
//!
//! `SIM_SEEDS=5000` makes every simulation try so many seeds, `SIM_SEED=17` only that one.

mod process;
mod stage;

use std::{ops::Range, time::Duration};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::time::Instant;

pub use process::{Disk, Process};
pub use stage::{Actor, Stage, Turn};

use super::services::service;

/// Lines of a failed run that are shown.
const STORY_MAX: usize = 200;

/// One run: its chance, its time, and what happened in it.
pub struct Sim {
    seed: u64,
    chance: SmallRng,
    now: Instant,
    story: Vec<String>,
}

/// Runs `run` under each seed from 0 up to `seeds`, unless the environment says otherwise. When a run panics,
/// its story and its seed are printed.
pub fn simulate(seeds: u64, mut run: impl FnMut(&mut Sim)) {
    for seed in wanted(seeds) {
        run(&mut Sim::new(seed));
    }
}

fn wanted(seeds: u64) -> Range<u64> {
    let number = |name: &str| service(name, "").parse::<u64>().ok();
    match number("SIM_SEED") {
        Some(seed) => seed..seed.saturating_add(1),
        None => 0..number("SIM_SEEDS").unwrap_or(seeds),
    }
}

impl Sim {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            chance: SmallRng::seed_from_u64(seed),
            now: Instant::now(),
            story: Vec::new(),
        }
    }

    /// A number from 0 to below `end`, which must not be 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.chance.random_range(0..end)
    }

    /// True once in `times` times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of some things, of which there must be any.
    pub fn pick<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        &things[self.below(things.len())]
    }

    /// A time within a range, to the millisecond.
    pub fn duration(&mut self, range: Range<Duration>) -> Duration {
        let (from, to) = (range.start.as_millis(), range.end.as_millis());
        let millis = self.chance.random_range(from..to.max(from + 1));
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// A source of chance for what is simulated, which follows from the seed.
    pub fn fork(&mut self) -> SmallRng {
        SmallRng::seed_from_u64(self.chance.random())
    }

    /// The time in this run: it passes only by [`Self::pass`].
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time goes by.
    pub fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Notes what happened, for whoever reads of a failure.
    pub fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.story.len() < STORY_MAX {
            self.story.push(what());
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- what happened --");
            self.story.iter().for_each(|line| eprintln!("{line}"));
            eprintln!("replay with SIM_SEED={}", self.seed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything() {
        let run = |seed| {
            let mut sim = Sim::new(seed);
            let drawn: Vec<_> = (0..50).map(|_| sim.below(1_000)).collect();
            (drawn, sim.duration(Duration::ZERO..Duration::from_secs(9)))
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn time_passes_only_when_told() {
        let mut sim = Sim::new(0);
        let before = sim.now();
        assert_eq!(sim.now(), before);
        sim.pass(Duration::from_secs(60));
        assert_eq!(sim.now() - before, Duration::from_secs(60));
    }
}
