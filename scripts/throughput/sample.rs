//! What a measurement found.

use std::time::Duration;

use crate::Result;

/// Of this many requests one may fail; a figure with more failures would mean nothing.
const FAILURES_ONE_IN: usize = 1_000;

/// What was measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    /// One for each reply, sorted when asked for a percentile.
    latencies: Vec<Duration>,
    failures: Vec<String>,
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
    pub(crate) rss_max: u64,
}

impl Sample {
    pub(crate) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.failures.extend(other.failures);
        self.time += other.time;
        self.cpu += other.cpu;
        self.rss_max = self.rss_max.max(other.rss_max);
    }

    /// The wanted reply came.
    pub(crate) fn answered(&mut self, after: Duration) {
        self.latencies.push(after);
    }

    /// It did not.
    pub(crate) fn refused(&mut self, why: String) {
        self.failures.push(why);
    }

    pub(crate) fn replies(&self) -> usize {
        self.latencies.len()
    }

    /// Replies per second.
    pub(crate) fn rate(&self) -> f64 {
        per(self.replies(), self.time.as_secs_f64())
    }

    /// CPU time per reply, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        if self.latencies.is_empty() {
            return 0.0;
        }
        self.cpu.as_secs_f64() * 1e6 / as_f64(self.replies())
    }

    pub(crate) fn percentile(&mut self, percent: usize) -> Duration {
        self.latencies.sort_unstable();
        let position = self.latencies.len() * percent / 100;
        let last = self.latencies.len().saturating_sub(1);
        let found = self.latencies.get(position.min(last));
        found.copied().unwrap_or_default()
    }

    /// Fails when so many requests failed that the rate means nothing.
    pub(crate) fn checked(self, what: &str) -> Result<Self> {
        let (failed, done) = (self.failures.len(), self.replies());
        if done == 0 || failed > done / FAILURES_ONE_IN {
            let (all, first) = (failed + done, self.first_failure());
            return Err(format!("{what}: {failed} of {all} failed: {first}").into());
        }
        Ok(self)
    }

    pub(crate) fn failed(&self) -> usize {
        self.failures.len()
    }

    /// What the first failure said.
    pub(crate) fn first_failure(&self) -> &str {
        self.failures.first().map_or("none at all", String::as_str)
    }
}

/// A count per unit; nothing when there is no unit.
pub(crate) fn per(count: usize, units: f64) -> f64 {
    if units > 0.0 {
        as_f64(count) / units
    } else {
        0.0
    }
}

pub(crate) fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
