//! Jobs beside the requests: how they are started, how one that ends by itself ends the process, and how they stop.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tracing::error;

use super::StartError;

/// Longest time for everything to finish after SIGTERM; then the process ends with an error.
const STOP_MAX: Duration = Duration::from_secs(30);

/// Jobs that a drain waits for. Each gets the token that tells it to stop.
#[derive(Debug, Clone)]
pub struct Tasks {
    pub(super) tracker: TaskTracker,
    stop: CancellationToken,
    /// Cancelled when a job ended by itself.
    pub(super) died: CancellationToken,
    /// Why one could not begin: what the process ends with.
    fault: Arc<Mutex<Option<StartError>>>,
    /// Cancelled when nobody is left who would stop them.
    abandoned: CancellationToken,
    /// Jobs that have not ended, by name.
    running: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self {
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            died: CancellationToken::new(),
            fault: Arc::default(),
            abandoned: CancellationToken::new(),
            running: Arc::default(),
        }
    }

    /// Whoever holds this stops the jobs. Where it goes before, as a program that embeds a daemon drops it, they end at once,
    /// wherever they are.
    pub(super) fn owner(&self) -> DropGuard {
        self.abandoned.clone().drop_guard()
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the process, which says why; the first word counts. The job that says so waits until it is stopped.
    pub(super) fn fail(&self, fault: StartError) {
        let mut first = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(fault);
        self.died.cancel();
    }

    /// Why the process ends, where a job said so.
    pub(super) fn take_fault(&self) -> Option<StartError> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take()
    }

    /// Counts a job until what is returned is dropped.
    fn count(&self, name: &'static str) -> Running {
        *self.running().entry(name).or_default() += 1;
        Running {
            tasks: self.clone(),
            name,
        }
    }

    /// Tells every job to stop and waits until all have.
    async fn finish(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Starts a job that runs until `stop` is cancelled. One that ends before, or panics, ends the process:
    /// a daemon without one of its jobs would look healthy and not be.
    pub fn spawn<F, Fut>(&self, name: &'static str, job: F)
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (stop, died, abandoned) =
            (self.stop.clone(), self.died.clone(), self.abandoned.clone());
        let job = job(stop.clone());
        let running = self.count(name);
        self.tracker.spawn(async move {
            let _running = running;
            let job = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(job));
            let Some(ended) = abandoned.run_until_cancelled(job).await else {
                return;
            };
            let is_over = stop.is_cancelled() || abandoned.is_cancelled();
            if ended.is_err() || !is_over {
                error!(
                    job = name,
                    panicked = ended.is_err(),
                    "background job exited unexpectedly"
                );
                died.cancel();
            }
        });
    }

    /// Repeats a short job until the daemon stops. A failure is the job's own to report.
    pub fn every<F, Fut>(&self, name: &'static str, period: Duration, mut job: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.spawn(name, |stop| async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(period) => job().await,
                }
            }
        });
    }
}

/// A job that has not ended.
struct Running {
    tasks: Tasks,
    name: &'static str,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.tasks.running();
        if let Some(count) = running.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                running.remove(self.name);
            }
        }
    }
}

/// Stops these, one group after the other. Whether all of their jobs ended in time; the log names those that did not.
pub(super) async fn drain(groups: [&Tasks; 3]) -> bool {
    let stopped = async {
        for tasks in groups {
            tasks.finish().await;
        }
    };
    let in_time = tokio::time::timeout(STOP_MAX, stopped).await.is_ok();
    if !in_time {
        let jobs: Vec<&str> = groups
            .iter()
            .flat_map(|tasks| tasks.running().keys().copied().collect::<Vec<_>>())
            .collect();
        error!(jobs = jobs.join(", "), "the drain took too long");
    }
    in_time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn jobs_without_an_owner_end_wherever_they_are() {
        let tasks = Tasks::new();
        let owner = tasks.owner();
        tasks.spawn("endless", |_| std::future::pending());
        assert_eq!(tasks.running().len(), 1);
        drop(owner);
        tasks.tracker.close();
        let all = tasks.tracker.wait();
        tokio::time::timeout(Duration::from_secs(20), all)
            .await
            .unwrap();
        assert!(tasks.running().is_empty());
        assert!(!tasks.died.is_cancelled(), "nothing is wrong with the job");
    }
}
