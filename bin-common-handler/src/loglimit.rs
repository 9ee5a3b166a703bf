//! A log line that strangers can cause is written so often and no more; a counter beside it tells how often it was due.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Lets one line through in each period.
#[derive(Debug)]
pub struct LogLimit {
    period: Duration,
    last: Mutex<Option<Instant>>,
}

impl LogLimit {
    /// At most one line in `period`.
    pub const fn new(period: Duration) -> Self {
        Self {
            period,
            last: Mutex::new(None),
        }
    }

    /// Whether a line may be written now.
    pub fn admit(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= self.period);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_in_each_period() {
        let limit = LogLimit::new(Duration::from_secs(10));
        assert!(limit.admit());
        assert!(!limit.admit());
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(!limit.admit());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(limit.admit());
    }
}
