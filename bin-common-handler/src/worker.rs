//! Works off the rows of a table: timers that are due, events that came in.
//!
//! **Lifecycle.** One loop for each queue looks, works while there is anything, and sleeps until the next row is
//! due, until it is woken, or for a second: rows of other replicas come without a word. Stopped, it begins
//! nothing new and finishes what it has begun.
//!
//! **Concurrency.** A row is claimed by the lock of the very transaction that works on it, and others pass over
//! it. There is no lease to wait for: whoever dies, or loses its connection, has let go.
//!
//! **Invariants.** A queue that fails (the database is away) is left alone for growing pauses. A row that fails is
//! its queue's matter: it is put off, and does not come back as an error from here.

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{FutureExt, future::join_all};
use rand::RngExt;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    backoff::Backoff,
    clock::Clock,
    databasehandler::{ChangeTx, Dialect},
    models::{
        error::{Error, Result, Status},
        time::Timestamp,
    },
};

/// The longest sleep: rows of other replicas wake nothing here.
const POLL: Duration = Duration::from_secs(1);
/// The rest when what is due is in other hands; it grows up to [`POLL`] while it stays there.
const BUSY: Duration = Duration::from_millis(50);
/// Rows worked on at a time, on a server of a database. SQLite has one writer.
const WORKERS: usize = 8;
/// How long one piece of work may take, its transaction open.
const WORK_MAX: Duration = Duration::from_secs(10);
/// How often work that meets a conflict is begun again before that counts as a failure.
const CONFLICTS_MAX: u32 = 5;
/// The longest pause before that.
const CONFLICT_PAUSE_MAX: Duration = Duration::from_millis(50);

/// The pauses before work that failed is tried again; after the last try it becomes a dead letter.
pub(crate) const PAUSES: [Duration; 8] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(2 * 3_600),
];

/// The pause before a row is tried again that has failed `attempts` times; nothing when it was the last.
pub(crate) fn pause_after(attempts: i64) -> Option<Duration> {
    let earlier = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    PAUSES.get(earlier).copied()
}

/// A pause moved by up to a quarter either way: what failed together does not come back together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.75..=1.25))
}

/// An async function of a transaction and of what is worked on, e.g.
/// `async fn close(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()>`.
pub trait TxFn<'t, A>: Send + Sync {
    /// What it returns.
    type Future: Future<Output = Result<()>> + Send + 't;

    /// Calls it.
    fn call(&self, tx: &'t mut ChangeTx<'static>, about: A) -> Self::Future;
}

impl<'t, A, F, Fut> TxFn<'t, A> for F
where
    F: Fn(&'t mut ChangeTx<'static>, A) -> Fut + Send + Sync,
    Fut: Future<Output = Result<()>> + Send + 't,
{
    type Future = Fut;

    fn call(&self, tx: &'t mut ChangeTx<'static>, about: A) -> Fut {
        self(tx, about)
    }
}

/// As [`TxFn`], of a state too: `async fn close(app: App, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()>`.
pub trait TxFnWith<'t, S, A>: Send + Sync {
    /// What it returns.
    type Future: Future<Output = Result<()>> + Send + 't;

    /// Calls it.
    fn call(&self, state: S, tx: &'t mut ChangeTx<'static>, about: A) -> Self::Future;
}

impl<'t, S, A, F, Fut> TxFnWith<'t, S, A> for F
where
    F: Fn(S, &'t mut ChangeTx<'static>, A) -> Fut + Send + Sync,
    Fut: Future<Output = Result<()>> + Send + 't,
{
    type Future = Fut;

    fn call(&self, state: S, tx: &'t mut ChangeTx<'static>, about: A) -> Fut {
        self(state, tx, about)
    }
}

/// What a look at a queue found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// There is work now.
    Due,
    /// There will be.
    At(Timestamp),
    /// None is known of.
    Nothing,
}

/// How a try at the next piece of work ended.
pub(crate) enum Attempt<R> {
    /// There was none that nobody else has.
    Nothing,
    /// It is done, and its row is gone.
    Done,
    /// Everything was rolled back; this row is to blame.
    Failed(R, Error),
}

/// Rows to be worked off.
#[async_trait]
pub(crate) trait Queue: Send + Sync {
    /// What stands in its table.
    type Row: Send;

    /// Looks, at the price of one short statement.
    async fn look(&self) -> Result<Look>;

    /// Works on the next.
    async fn attempt(&self) -> Result<Attempt<Self::Row>>;

    /// Puts a row off that failed, or sets it aside.
    async fn put_off(&self, row: Self::Row, error: &Error) -> Result<()>;
}

/// Wakes a loop that sleeps too long.
#[derive(Debug)]
pub(crate) struct Wake {
    notify: Notify,
    /// When the loop looks next; the end of time while it is awake, so that no wake-up is missed.
    until: AtomicI64,
}

impl Default for Wake {
    fn default() -> Self {
        Self {
            notify: Notify::new(),
            until: AtomicI64::new(i64::MAX),
        }
    }
}

impl Wake {
    /// There is, or will be, something to do at `at`. A loop that looks before that sleeps on.
    pub(crate) fn wake(&self, at: Timestamp) {
        if at.micros() < self.until.load(Ordering::SeqCst) {
            self.notify.notify_one();
        }
    }
}

/// One queue's loop.
pub(crate) struct Worker<Q> {
    /// What it works off.
    pub(crate) queue: Q,
    /// Whose it is, for the log.
    pub(crate) name: String,
    /// What ends its sleep.
    pub(crate) wake: std::sync::Arc<Wake>,
    /// The time of day.
    pub(crate) clock: Clock,
    /// Pieces of work at a time.
    pub(crate) workers: usize,
}

/// How many rows are worked on at a time.
pub(crate) fn workers(dialect: Dialect) -> usize {
    match dialect {
        Dialect::MySql => WORKERS,
        Dialect::Sqlite => 1,
    }
}

impl<Q: Queue> Worker<Q> {
    /// Works until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut backoff = Backoff::default();
        let (mut is_failing, mut idle_looks) = (false, 0);
        while !stop.is_cancelled() {
            self.wake.until.store(i64::MAX, Ordering::SeqCst);
            let pause = match self.pass(&stop).await {
                Ok((look, done)) => {
                    backoff.reset();
                    is_failing = false;
                    idle_looks = if done > 0 { 0 } else { idle_looks + 1 };
                    self.pause_until(look, idle_looks)
                }
                Err(fault) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        warn!(queue = self.name, %fault, "the queue cannot be worked off now");
                    }
                    backoff.next_pause()
                }
            };
            let end = self.clock.now().plus(pause);
            self.wake.until.store(end.micros(), Ordering::SeqCst);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                // Not while the database is away: a wake-up would not make it come back.
                () = self.wake.notify.notified(), if !is_failing => {}
            }
        }
    }

    fn pause_until(&self, look: Look, idle_looks: u32) -> Duration {
        match look {
            Look::Due => BUSY.saturating_mul(1 << idle_looks.min(8)).min(POLL),
            Look::Nothing => POLL,
            Look::At(at) => {
                let micros = at.micros().saturating_sub(self.clock.now().micros());
                Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(POLL)
            }
        }
    }

    /// Works while there is anything; what a last look found, and how much was done.
    async fn pass(&self, stop: &CancellationToken) -> Result<(Look, u64)> {
        let mut all = 0;
        loop {
            let look = self.queue.look().await?;
            if look != Look::Due || stop.is_cancelled() {
                return Ok((look, all));
            }
            let hands = (0..self.workers).map(|_| self.work_off(stop));
            let mut done = 0;
            for result in join_all(hands).await {
                done += result?;
            }
            all += done;
            if done == 0 {
                return Ok((look, all));
            }
        }
    }

    async fn work_off(&self, stop: &CancellationToken) -> Result<u64> {
        let mut done = 0;
        while !stop.is_cancelled() && self.work().await? {
            done += 1;
        }
        Ok(done)
    }

    /// One piece of work, begun again while it only meets conflicts; false when there is none.
    pub(crate) async fn work(&self) -> Result<bool> {
        let mut conflicts = 0;
        loop {
            let has_patience = conflicts < CONFLICTS_MAX;
            let error = match self.queue.attempt().await {
                Ok(Attempt::Nothing) => return Ok(false),
                Ok(Attempt::Done) => return Ok(true),
                Ok(Attempt::Failed(_, error)) if has_patience && error.is_retriable() => error,
                Ok(Attempt::Failed(row, error)) => {
                    self.queue.put_off(row, &error).await?;
                    return Ok(true);
                }
                Err(error) if has_patience && error.is_retriable() => error,
                Err(error) => return Err(error),
            };
            conflicts += 1;
            debug!(%error, conflicts, "beginning the work again");
            let pause = CONFLICT_PAUSE_MAX.mul_f64(rand::rng().random::<f64>());
            tokio::time::sleep(pause).await;
        }
    }
}

/// Runs a handler: a panic and a hang are failures like any other.
///
/// # Errors
/// The handler's own, or what it did instead of ending.
pub(crate) async fn guarded(work: impl Future<Output = Result<()>>) -> Result<()> {
    let apart = AssertUnwindSafe(work).catch_unwind();
    match tokio::time::timeout(WORK_MAX, apart).await {
        Ok(Ok(done)) => done,
        Ok(Err(panic)) => Err(panicked(panic.as_ref())),
        Err(_) => Err(Error::internal("it took too long")),
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    let cause = format!("it panicked: {}", text.unwrap_or_default());
    Error::new(Status::Internal, "PANIC", "The work panicked.").caused_by(cause)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(pause_after(1), Some(PAUSES[0]));
        assert_eq!(pause_after(8), Some(PAUSES[7]));
        assert_eq!(pause_after(9), None);
        assert!(PAUSES.is_sorted());
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_a_hang_and_an_error_are_failures() {
        let panics = async { panic!("no") };
        let hangs = std::future::pending();
        let fails = async { Err(Error::not_found("GONE", "It is gone.")) };
        let reasons = [
            guarded(panics).await,
            guarded(hangs).await,
            guarded(fails).await,
            guarded(async { Ok(()) }).await,
        ]
        .map(|end| end.err().map(|error| error.reason().to_owned()));
        let reasons = reasons.each_ref().map(|reason| reason.as_deref());
        assert_eq!(
            reasons,
            [Some("PANIC"), Some("INTERNAL"), Some("GONE"), None]
        );
    }

    /// Work that is there at certain times.
    struct Planned {
        clock: Clock,
        due: Mutex<Vec<Timestamp>>,
        looks: Mutex<usize>,
        is_away: Mutex<bool>,
    }

    #[async_trait]
    impl Queue for Arc<Planned> {
        type Row = ();

        async fn look(&self) -> Result<Look> {
            *self.looks.lock().unwrap() += 1;
            if *self.is_away.lock().unwrap() {
                return Err(Error::unavailable("database", "away"));
            }
            let next = self.due.lock().unwrap().iter().min().copied();
            Ok(match next {
                None => Look::Nothing,
                Some(at) if at <= self.clock.now() => Look::Due,
                Some(at) => Look::At(at),
            })
        }

        async fn attempt(&self) -> Result<Attempt<()>> {
            let (now, mut due) = (self.clock.now(), self.due.lock().unwrap());
            let before = due.len();
            due.retain(|at| *at > now);
            Ok(if due.len() < before {
                Attempt::Done
            } else {
                Attempt::Nothing
            })
        }

        async fn put_off(&self, _row: (), _error: &Error) -> Result<()> {
            Ok(())
        }
    }

    fn planned(due: Vec<Timestamp>) -> (Arc<Planned>, Arc<Wake>, Worker<Arc<Planned>>) {
        let (clock, wake) = (Clock::default(), Arc::new(Wake::default()));
        let queue = Arc::new(Planned {
            clock: clock.clone(),
            due: Mutex::new(due),
            looks: Mutex::default(),
            is_away: Mutex::new(false),
        });
        let worker = Worker {
            queue: Arc::clone(&queue),
            name: "test".to_owned(),
            wake: Arc::clone(&wake),
            clock,
            workers: 1,
        };
        (queue, wake, worker)
    }

    async fn done(queue: &Planned) {
        while !queue.due.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn it_sleeps_until_the_next_is_due_and_is_woken_for_an_earlier_one() {
        let soon = Clock::default().now().plus(Duration::from_millis(100));
        let (queue, wake, worker) = planned(vec![soon]);
        let stop = CancellationToken::new();
        let test = async {
            done(&queue).await;
            assert!(queue.clock.now() >= soon);
            // Asleep for a second: only a wake-up brings it back at once.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let woken = tokio::time::Instant::now();
            let now = queue.clock.now();
            queue.due.lock().unwrap().push(now);
            wake.wake(now);
            done(&queue).await;
            assert!(woken.elapsed() < POLL / 2, "{:?}", woken.elapsed());
            stop.cancel();
        };
        tokio::join!(worker.run(stop.clone()), test);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_it_looks_once_a_second_and_seldom_while_the_database_is_away() {
        for (is_away, most) in [(false, 62), (true, 40)] {
            let (queue, wake, worker) = planned(vec![]);
            *queue.is_away.lock().unwrap() = is_away;
            let minute = async {
                for _ in 0..600 {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    if is_away {
                        wake.wake(Timestamp::from_micros(0));
                    }
                }
            };
            tokio::select! {
                () = worker.run(CancellationToken::new()) => {}
                () = minute => {}
            }
            let looks = *queue.looks.lock().unwrap();
            assert!((3..=most).contains(&looks), "{looks} looks in a minute");
        }
    }
}
