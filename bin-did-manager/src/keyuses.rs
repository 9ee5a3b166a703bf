//! When a key was used last, to the minute: noted beside the requests, which neither wait for it nor fail
//! with it.

use std::time::Duration;

use bin_common_handler::{daemon::ManagerContext, databasehandler::Store, models::time::Timestamp};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::debug;
use uuid::Uuid;

use crate::dbhandler::accesskeys;

/// A use that follows another one sooner is not noted.
const EVERY: Duration = Duration::from_secs(60);
/// Uses that wait to be noted at most; one more is forgotten, and the key's next one noted instead.
const WAITING_MAX: usize = 1_024;

/// Takes uses in. Clones share it.
#[derive(Clone)]
pub(crate) struct Uses {
    waiting: Sender<Use>,
}

struct Use {
    key: Uuid,
    at: Timestamp,
}

impl Uses {
    /// Starts the job that writes them.
    pub(crate) fn start(ctx: &ManagerContext) -> Self {
        let (waiting, mut uses) = channel(WAITING_MAX);
        let store = ctx.store.clone();
        ctx.tasks.spawn("uses of keys", |stop| async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = write_all(&store, &mut uses) => stop.cancelled().await,
            }
        });
        Self { waiting }
    }

    /// A key was used now; `last` is what its row says.
    pub(crate) fn note(&self, key: Uuid, last: Option<Timestamp>, now: Timestamp) {
        if is_due(last, now) {
            // Full: the database is slow or away, and this matters least.
            let _ = self.waiting.try_send(Use { key, at: now });
        }
    }
}

fn is_due(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| last <= now.minus(EVERY))
}

/// Until nobody is left who could note a use.
async fn write_all(store: &Store, uses: &mut Receiver<Use>) {
    while let Some(Use { key, at }) = uses.recv().await {
        // Many requests at once saw the same row: only the first of them changes it.
        if let Err(error) = accesskeys::mark_used(&store.db, key, at, at.minus(EVERY)).await {
            debug!(%error, "the use of a key was not noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, true)]
    #[case(Some(0), true)]
    #[case(Some(1), false)]
    #[case(Some(60_000_000), false)]
    #[case(Some(90_000_000), false)]
    fn a_use_is_noted_once_a_minute(#[case] last: Option<i64>, #[case] due: bool) {
        let now = Timestamp::from_micros(60_000_000);
        assert_eq!(is_due(last.map(Timestamp::from_micros), now), due);
    }
}
