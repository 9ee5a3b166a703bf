//! What leaves this house to strangers' servers: a durable timer hands it to a job, outside any transaction.
//!
//! The timer's handler sets its own timer again and then hands over, so that a process which ends loses nothing: another
//! one comes back to it. The job says in its own transaction what became of it, and moves or cancels the timer.

use std::{pin::Pin, sync::Arc, time::Duration};

use bin_common_handler::{
    daemon::ManagerContext, databasehandler::ChangeTx, models::error::Result, timerhandler::Timer,
};
use tokio::sync::{Mutex, mpsc};
use tracing::warn;
use uuid::Uuid;

use crate::app::App;

/// When the process that took something has ended, another one comes back to it after this. Longer than any try.
const NET: Duration = Duration::from_secs(40);
/// What waits for a job; what has no room comes again by its timer.
const WAITING_MAX: usize = 1_024;

/// One try at something.
pub(crate) type Try = fn(App, Uuid) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Starts `workers` jobs for the timers of this kind.
pub(crate) fn start(
    ctx: &ManagerContext,
    app: &App,
    kind: &'static str,
    workers: usize,
    attempt: Try,
) {
    let (due, waiting) = mpsc::channel::<Uuid>(WAITING_MAX);
    ctx.timers.on_with(kind, due, hand_over);
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..workers {
        let (app, waiting) = (app.clone(), Arc::clone(&waiting));
        ctx.tasks.spawn(kind, |stop| async move {
            let next = async || waiting.lock().await.recv().await;
            while let Some(Some(id)) = stop.run_until_cancelled(next()).await {
                if let Err(error) = attempt(app.clone(), id).await {
                    // Its timer comes back to it. The cause never holds an address.
                    let reason = error.reason();
                    warn!(kind, reason, "a try was not recorded and comes again");
                }
            }
        });
    }
}

async fn hand_over(due: mpsc::Sender<Uuid>, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let next = tx.now().plus(NET);
    tx.schedule(&timer.kind, timer.entity_id, next, &()).await?;
    // Full: the next try is set already.
    let _ = due.try_send(timer.entity_id);
    Ok(())
}
