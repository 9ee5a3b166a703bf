//! How long the hub waits for sockets that read, where more comes at once than they may keep waiting: a small part of all
//! time, so that a slow reader delays nobody else by more than that.

use std::time::Duration;

use tokio::time::Instant;

/// Longest wait after one event.
pub(super) const WAIT_MAX: Duration = Duration::from_millis(50);
/// What may be saved up.
const SAVED_MAX: Duration = Duration::from_millis(500);
/// One part of so many of the time is for waiting.
const PARTS: u32 = 20;

/// What is left to wait.
#[derive(Debug)]
pub(super) struct Patience {
    left: Duration,
    at: Instant,
}

impl Patience {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            left: SAVED_MAX,
            at: now,
        }
    }

    /// What is left by now.
    pub(super) fn left(&mut self, now: Instant) -> Duration {
        let grown = now.saturating_duration_since(self.at) / PARTS;
        self.left = self.left.saturating_add(grown).min(SAVED_MAX);
        self.at = now;
        self.left
    }

    /// So long was waited.
    pub(super) fn spend(&mut self, waited: Duration) {
        self.left = self.left.saturating_sub(waited);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_its_part_of_the_time_is_waited() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        let (mut now, mut waited) = (start, Duration::ZERO);
        while now < start + Duration::from_secs(60) {
            let wait = patience.left(now).min(WAIT_MAX);
            patience.spend(wait);
            waited += wait;
            now += wait + Duration::from_millis(1);
        }
        let most = SAVED_MAX + Duration::from_secs(60) / PARTS + WAIT_MAX;
        assert!(
            waited <= most && waited > Duration::from_secs(2),
            "{waited:?}"
        );
        assert_eq!(patience.left(now + Duration::from_secs(60)), SAVED_MAX);
    }
}
