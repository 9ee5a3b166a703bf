//! Wrong signatures of carriers' webhooks: each is counted, and too many in a minute are an alarm, which whoever keeps
//! alerts is told of.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus::IntCounterVec;
use tokio::time::Instant;
use tracing::error;

use crate::{
    daemon::{ManagerContext, StartError},
    ids,
    loglimit::LogLimit,
    vitals::{self, Teller},
};

/// Wrong signatures in a minute that are no accident any more.
const WRONG_MAX: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// Watches the signatures of one process. Clones share it.
#[derive(Clone)]
pub struct BadSignatures(Arc<Inner>);

struct Inner {
    count: IntCounterVec,
    minute: Minute,
    alarm: LogLimit,
}

/// How many there were in this minute.
#[derive(Default)]
struct Minute(Mutex<Option<(Instant, u32)>>);

impl BadSignatures {
    /// With a counter of the manager's own.
    ///
    /// # Errors
    /// When the name of the counter is taken.
    pub fn new(ctx: &ManagerContext) -> Result<Self, StartError> {
        let help =
            "Webhooks of carriers whose signature was wrong; is_alarm: beyond 10 in a minute";
        let count = ctx
            .metrics
            .counter("bad_signatures_total", help, &["is_alarm"])
            .map_err(|fault| StartError::Other(fault.to_string()))?;
        let new = Self(Arc::new(Inner {
            count,
            minute: Minute::default(),
            alarm: LogLimit::new(MINUTE),
        }));
        // Each process counts its own.
        let tell = Teller::new(ctx.rpc.clone(), "signature_failures", ids::next());
        let counted = new.clone();
        vitals::watch(ctx, tell, move || f64::from(counted.recent()));
        Ok(new)
    }

    /// A signature was wrong.
    pub fn note(&self) {
        let count = self.0.minute.add();
        let is_alarm = count > WRONG_MAX;
        let label = if is_alarm { "true" } else { "false" };
        self.0.count.with_label_values(&[label]).inc();
        if is_alarm && self.0.alarm.admit() {
            error!(
                count,
                "webhooks with wrong signatures: a secret was changed, or somebody tries"
            );
        }
    }

    /// How many were wrong in this minute.
    pub fn recent(&self) -> u32 {
        self.0.minute.count()
    }
}

impl Minute {
    /// One more; how many there are in the minute that began with the first.
    fn add(&self) -> u32 {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = match *minute {
            Some((since, count)) if since.elapsed() < MINUTE => (since, count.saturating_add(1)),
            _ => (Instant::now(), 1),
        };
        *minute = Some((since, count));
        count
    }

    /// How many there are in the minute that goes on; 0 where it is over.
    fn count(&self) -> u32 {
        let minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        minute
            .filter(|(since, _)| since.elapsed() < MINUTE)
            .map_or(0, |(_, count)| count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_minute_is_counted_anew() {
        let minute = Minute::default();
        let counts: Vec<u32> = (0..=WRONG_MAX).map(|_| minute.add()).collect();
        assert_eq!(counts.last(), Some(&(WRONG_MAX + 1)));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(minute.add(), WRONG_MAX + 2);
        assert_eq!(minute.count(), WRONG_MAX + 2);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(minute.count(), 0);
        assert_eq!(minute.add(), 1);
    }
}
