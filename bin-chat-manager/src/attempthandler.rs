//! What leaves this house to strangers' servers: a durable timer hands it to a job, outside any transaction.
//!
//! The timer's handler sets its own timer again and then hands over, so that a process which ends loses nothing: another
//! one comes back to it. The job says in its own transaction what became of it, and moves or cancels the timer.
//!
//! **Concurrency.** That timer is the lease: whoever set it may try until it is due. What waited long for a job takes the
//! lease anew first, and is left alone where another replica has it by now. A process never tries one thing twice at the
//! same time, whatever its clock does; what its timer asks for meanwhile is done afterwards.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::ChangeTx,
    models::{error::Result, time::Timestamp},
    timerhandler::Timer,
};
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tracing::warn;
use uuid::Uuid;

use crate::app::App;

/// When the process that took something has ended, another one comes back to it after this. Longer than any try.
const LEASE: Duration = Duration::from_secs(40);
/// The longest try takes less.
const TRY_MAX: Duration = Duration::from_secs(32);
/// What waits for a job; what has no room comes again by its timer.
const WAITING_MAX: usize = 1_024;

/// One try at something.
pub(crate) type Try = fn(App, Uuid) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Something that this process may try until its timer is due.
#[derive(Debug, Clone, Copy)]
struct Taken {
    id: Uuid,
    due: Timestamp,
}

/// What this process has taken and not done with; the newest lease where its timer came meanwhile.
#[derive(Default)]
struct InHand(Mutex<HashMap<Uuid, Option<Taken>>>);

impl InHand {
    /// Whether it is to be handed over. What is in hand already comes back from [`Self::put_down`].
    fn take(&self, taken: Taken) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(&taken.id) {
            Some(again) => {
                *again = Some(taken);
                false
            }
            None => {
                all.insert(taken.id, None);
                true
            }
        }
    }

    /// Nobody has it after all.
    fn forget(&self, id: Uuid) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&id);
    }

    /// It is done with, unless it comes back: then it still is in hand.
    fn put_down(&self, id: Uuid) -> Option<Taken> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let again = all.get_mut(&id).and_then(Option::take);
        if again.is_none() {
            all.remove(&id);
        }
        again
    }
}

/// The way from the timer to the jobs. Clones share it.
#[derive(Clone)]
struct Way {
    kind: &'static str,
    in_hand: Arc<InHand>,
    due: mpsc::Sender<Taken>,
}

/// Starts `workers` jobs for the timers of this kind.
pub(crate) fn start(
    ctx: &ManagerContext,
    app: &App,
    kind: &'static str,
    workers: usize,
    attempt: Try,
) {
    let (due, waiting) = mpsc::channel(WAITING_MAX);
    let in_hand = Arc::new(InHand::default());
    let way = Way {
        kind,
        in_hand: Arc::clone(&in_hand),
        due,
    };
    ctx.timers.on_with(kind, way, hand_over);
    let waiting = Arc::new(AsyncMutex::new(waiting));
    for _ in 0..workers {
        let (app, waiting, in_hand) = (app.clone(), Arc::clone(&waiting), Arc::clone(&in_hand));
        ctx.tasks.spawn(kind, |stop| async move {
            let next = async || waiting.lock().await.recv().await;
            while let Some(Some(mut taken)) = stop.run_until_cancelled(next()).await {
                loop {
                    if let Err(error) = try_taken(&app, kind, taken, attempt).await {
                        // Its timer comes back to it. The cause never holds an address.
                        let reason = error.reason();
                        warn!(kind, reason, "a try was not recorded and comes again");
                    }
                    match in_hand.put_down(taken.id) {
                        Some(again) => taken = again,
                        None => break,
                    }
                }
            }
        });
    }
}

/// Tries what this process still may.
async fn try_taken(app: &App, kind: &str, taken: Taken, attempt: Try) -> Result<()> {
    if is_late(app.store.clock.now(), taken.due) && !extend(app, kind, taken).await? {
        return Ok(());
    }
    attempt(app.clone(), taken.id).await
}

/// Whether the lease may end before the try does.
fn is_late(now: Timestamp, due: Timestamp) -> bool {
    now.plus(TRY_MAX) > due
}

/// Takes the lease anew; false where another replica has it, or nothing is left to do.
async fn extend(app: &App, kind: &str, taken: Taken) -> Result<bool> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let next = tx.now().plus(LEASE);
    let is_ours = tx.postpone(kind, taken.id, taken.due, next).await?;
    tx.commit(is_ours).await
}

async fn hand_over(way: Way, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let due = tx.now().plus(LEASE);
    tx.schedule(way.kind, timer.entity_id, due, &()).await?;
    let taken = Taken {
        id: timer.entity_id,
        due,
    };
    tx.after_commit(move || {
        // Full: the next try is set already.
        if way.in_hand.take(taken) && way.due.try_send(taken).is_err() {
            way.in_hand.forget(taken.id);
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn what_is_in_hand_is_handed_over_once_and_comes_back_with_its_newest_lease() {
        let (in_hand, id) = (InHand::default(), Uuid::from_u128(1));
        let taken = |seconds| Taken {
            id,
            due: at(seconds),
        };
        assert!(in_hand.take(taken(40)));
        assert!(!in_hand.take(taken(80)));
        assert!(!in_hand.take(taken(120)));
        assert!(in_hand.take(Taken {
            id: Uuid::from_u128(2),
            due: at(40)
        }));
        let again = in_hand.put_down(id).map(|taken| taken.due);
        assert_eq!(again, Some(at(120)));
        assert!(!in_hand.take(taken(160)), "it still is in hand");
        assert!(in_hand.put_down(id).is_some());
        assert!(in_hand.put_down(id).is_none());
        assert!(in_hand.take(taken(200)), "it is no longer in hand");
    }

    #[rstest]
    #[case::fresh(0, false)]
    #[case::in_time(8, false)]
    #[case::late(9, true)]
    #[case::over(41, true)]
    fn a_lease_outlasts_the_try(#[case] waited: i64, #[case] expected: bool) {
        assert_eq!(is_late(at(waited), at(40)), expected);
    }
}
