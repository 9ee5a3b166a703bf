//! Pauses between attempts: full jitter, growing, for ever.

use std::time::Duration;

use rand::RngExt;

const FIRST: Duration = Duration::from_millis(200);
const CEILING: Duration = Duration::from_secs(30);

/// The pauses of one supervisor. After a success call [`Backoff::reset`].
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to wait now: drawn between a tenth of and the whole ceiling of this attempt.
    pub fn next_pause(&mut self) -> Duration {
        let ceiling = FIRST
            .saturating_mul(1_u32.checked_shl(self.failures.min(16)).unwrap_or(u32::MAX))
            .min(CEILING);
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(rand::rng().random_range(0.1..=1.0))
    }

    /// It worked: the next pause is short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_ceiling_and_start_again() {
        let mut backoff = Backoff::default();
        assert!(backoff.next_pause() <= FIRST);
        for _ in 0..100 {
            let pause = backoff.next_pause();
            assert!(pause <= CEILING && pause >= FIRST / 10);
        }
        backoff.reset();
        assert!(backoff.next_pause() <= FIRST);
    }
}
