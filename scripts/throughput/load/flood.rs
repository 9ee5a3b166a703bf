//! Many more requests a second than can be served: how many are, and what becomes of the others.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use super::{Job, job::Outcome};
use crate::{Result, child::Child, sample::Sample};

/// Requests on their way at most; one that would be more is lost.
const IN_FLIGHT_MAX: usize = 20_000;
/// How often requests are sent, as many as are due.
const STEP: Duration = Duration::from_millis(2);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What became of a flood.
#[derive(Debug, Default)]
pub(crate) struct Flood {
    /// Those who got what they wanted.
    pub(crate) good: Sample,
    /// Those who were told to come again.
    pub(crate) busy: Sample,
    /// Those who heard nothing in time.
    pub(crate) lost: usize,
    /// The process's memory from time to time, in bytes.
    pub(crate) rss: Vec<u64>,
}

impl Flood {
    fn count(&mut self, outcome: Outcome, took: Duration) {
        match outcome {
            Outcome::Good => self.good.answered(took),
            Outcome::Busy => self.busy.answered(took),
            Outcome::Lost => self.lost += 1,
        }
    }

    /// All that were sent.
    pub(crate) fn sent(&self) -> usize {
        self.good.replies() + self.busy.replies() + self.lost
    }
}

/// Asks `per_second` times a second for `time`, whatever becomes of it, and watches `child`.
pub(crate) async fn flood(
    job: &Job,
    child: &Child,
    per_second: f64,
    time: Duration,
) -> Result<Flood> {
    let slots = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let (mut flood, mut calls) = (Flood::default(), JoinSet::new());
    let (started, mut sent) = (Instant::now(), 0.0);
    let (mut step, mut looked) = (tokio::time::interval(STEP), started);
    while started.elapsed() < time {
        step.tick().await;
        while sent < per_second * started.elapsed().as_secs_f64() {
            sent += 1.0;
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                flood.lost += 1;
                continue;
            };
            let job = job.clone();
            calls.spawn(async move {
                let since = Instant::now();
                let outcome = job.attempt().await;
                drop(slot);
                (outcome, since.elapsed())
            });
        }
        while let Some(done) = calls.try_join_next() {
            let (outcome, took) = done?;
            flood.count(outcome, took);
        }
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            flood.rss.push(child.rss()?);
        }
    }
    while let Some(done) = calls.join_next().await {
        let (outcome, took) = done?;
        flood.count(outcome, took);
    }
    (flood.good.time, flood.busy.time) = (time, time);
    flood.good.rss_max = flood.rss.iter().copied().max().unwrap_or_default();
    Ok(flood)
}
