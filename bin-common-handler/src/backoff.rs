//! Pauses between attempts: full jitter, growing, for ever.

use std::time::Duration;

use rand::{Rng, RngExt};

const FIRST: Duration = Duration::from_millis(200);
const CEILING: Duration = Duration::from_secs(30);
/// The shortest pause, as a part of the longest of its attempt.
const PART_MIN: f64 = 0.1;

/// The pauses of one supervisor. After a success call [`Backoff::reset`].
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to wait now: drawn between a tenth of and the whole ceiling of this attempt.
    pub fn next_pause(&mut self) -> Duration {
        self.draw(&mut rand::rng())
    }

    /// It worked: the next pause is short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    fn draw(&mut self, chance: &mut impl Rng) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(chance.random_range(PART_MIN..=1.0))
    }

    fn ceiling(&self) -> Duration {
        let doubled = 1_u32.checked_shl(self.failures.min(16));
        FIRST
            .saturating_mul(doubled.unwrap_or(u32::MAX))
            .min(CEILING)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::testing::sim::simulate;

    #[test]
    fn pauses_grow_to_the_ceiling_and_start_again() {
        simulate(500, |sim| {
            let (mut backoff, mut chance) = (Backoff::default(), sim.fork());
            let mut ceiling = FIRST;
            for _ in 0..50 {
                if sim.one_in(20) {
                    backoff.reset();
                    ceiling = FIRST;
                }
                let pause = backoff.draw(&mut chance);
                assert!(pause >= ceiling.mul_f64(PART_MIN) && pause <= ceiling);
                ceiling = (ceiling * 2).min(CEILING);
            }
        });
    }

    #[test]
    fn no_number_of_failures_overflows() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert!(backoff.next_pause() <= CEILING);
    }

    /// Two hundred clients lose a server at the same moment, for a few minutes.
    #[test]
    fn a_server_that_comes_back_is_not_run_over_and_not_left_waiting() {
        simulate(50, |sim| {
            let start = sim.now();
            let minutes = Duration::from_secs(60)..Duration::from_secs(600);
            let back = start + sim.duration(minutes);
            let mut connects: Vec<Instant> = (0..200)
                .map(|_| {
                    let (mut backoff, mut chance) = (Backoff::default(), sim.fork());
                    let mut at = start;
                    while at < back {
                        at += backoff.draw(&mut chance);
                    }
                    at
                })
                .collect();
            connects.sort_unstable();
            assert!(connects[199] <= back + CEILING, "the last came late");
            let busiest = connects
                .iter()
                .map(|from| {
                    connects
                        .iter()
                        .filter(|at| (*from..*from + Duration::from_secs(1)).contains(at))
                        .count()
                })
                .max();
            assert!(busiest < Some(60), "{busiest:?} of 200 in one second");
        });
    }
}
