//! A fixed number of requests a second, whether those before were answered or not: as people call.
//!
//! A request's time counts from when it was due, so that a stall is felt by all who would have called during it.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::Instant,
};

use super::{Job, watch::watch};
use crate::{Result, child::Child, sample::Sample};

/// Requests on their way at most; one that would be more counts as failed.
const IN_FLIGHT_MAX: usize = 1_000;
/// Requests that are due and not yet sent at most; the clock waits for room, and then catches up.
const DUE_MAX: usize = 1_024;

/// Puts `job` on `children`, evenly spaced, for `time`.
pub(crate) async fn open(
    job: &Job,
    children: &[&Child],
    per_second: f64,
    time: Duration,
) -> Result<Sample> {
    watch(children, all(job, per_second, time)).await
}

async fn all(job: &Job, per_second: f64, time: Duration) -> Result<Sample> {
    let mut due = clock(Duration::from_secs_f64(1.0 / per_second), time);
    let slots = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let mut sample = Sample::default();
    let mut calls = JoinSet::new();
    while let Some(since) = due.recv().await {
        while let Some(done) = calls.try_join_next() {
            sample.add(done?);
        }
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            sample.refused(format!("{IN_FLIGHT_MAX} requests were on their way"));
            continue;
        };
        let job = job.clone();
        calls.spawn(async move {
            let mut sample = Sample::default();
            job.ask(job.take(), Some(since), &mut sample).await;
            drop(slot);
            sample
        });
    }
    while let Some(done) = calls.join_next().await {
        sample.add(done?);
    }
    Ok(sample)
}

/// Says when each request is due, at that time. A thread of its own: the runtime's timer counts whole
/// milliseconds.
fn clock(gap: Duration, time: Duration) -> mpsc::Receiver<Instant> {
    let (sender, receiver) = mpsc::channel(DUE_MAX);
    std::thread::spawn(move || {
        let started = Instant::now();
        let mut due = started;
        while due < started + time {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            // Nobody listens any more: the measurement was given up.
            if sender.blocking_send(due).is_err() {
                return;
            }
            due += gap;
        }
    });
    receiver
}
