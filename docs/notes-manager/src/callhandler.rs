//! Calls the URLs of due notes: durable, tried again, and outside any transaction.
//!
//! A timer's handler runs in a transaction, and a stranger's server must not hold one open. So the handler only sets
//! its own timer again, for the next try, and hands the note to a job. The job calls; when the call succeeds, it
//! cancels that timer. A process that dies in between tries again: a call is made at least once.

use std::time::Duration;

use bin_common_handler::{
    config::Setting,
    context::RequestContext,
    daemon::{ManagerContext, StartError},
    databasehandler::ChangeTx,
    httphandler::{HttpClient, HttpRequest, Method},
    models::error::{Error, Result},
    timerhandler::Timer,
};
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    models::Note,
    notehandler::{self, CALL, NoteHandler, SWEEP},
};

/// How long a call may take.
pub(crate) const TIMEOUT: Setting<Duration> = Setting::duration(
    "NOTE_CALL_TIMEOUT",
    "5s",
    100..=30_000,
    "How long the URL of a due note may take to answer",
    "5s",
);
/// Tries of one reminder, the first included.
const TRIES_MAX: u32 = 8;
/// The pause after the first try; it doubles. Longer than any call may take.
const PAUSE: Duration = Duration::from_secs(60);
/// Notes that wait for the job; what has no room is tried again later.
const WAITING_MAX: usize = 64;

/// Names the handlers, and starts the job.
pub(crate) fn start(
    ctx: &ManagerContext,
    notes: NoteHandler,
) -> std::result::Result<(), StartError> {
    let (due, mut waiting) = mpsc::channel(WAITING_MAX);
    ctx.timers.on_with(CALL, due, hand_over);
    ctx.timers
        .on_with(SWEEP, notes.clone(), notehandler::sweep_on);
    let calls = ctx
        .metrics
        .counter("calls_total", "Calls of due notes, by result", &["result"])
        .map_err(|fault| StartError::Other(fault.to_string()))?;
    let (http, timeout) = (ctx.http()?, ctx.config.get(&TIMEOUT));
    ctx.tasks.spawn("note calls", |stop| async move {
        while let Some(Some(id)) = stop.run_until_cancelled(waiting.recv()).await {
            let done = call(&notes, &http, timeout, id).await;
            let result = if done.is_ok() { "ok" } else { "failed" };
            calls.with_label_values(&[result]).inc();
        }
    });
    Ok(())
}

/// Sets the next try, then lets the job do this one.
async fn hand_over(due: mpsc::Sender<Uuid>, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let tried: u32 = timer.payload()?;
    if tried < TRIES_MAX {
        let next = tx.now().plus(PAUSE * 2_u32.pow(tried));
        tx.schedule(CALL, timer.entity_id, next, &(tried + 1))
            .await?;
        // Full: the next try is set already.
        let _ = due.try_send(timer.entity_id);
    }
    Ok(())
}

async fn call(notes: &NoteHandler, http: &HttpClient, timeout: Duration, id: Uuid) -> Result<()> {
    let Some(note) = notes.store.get::<Note>(id).await? else {
        return Ok(());
    };
    if note.tm_delete.is_some() || note.url.is_empty() {
        return Ok(());
    }
    let body = json!({ "id": id, "text": note.text, "fee": note.fee()? });
    let request = HttpRequest::new(Method::POST, &*note.url).within(timeout);
    let request = request.header("idempotency-key", &id.to_string())?;
    let answer = http.send(&request.json(&body)?).await?;
    if !answer.status.is_success() {
        return Err(Error::unavailable("endpoint", answer.status.to_string()));
    }
    let ctx = RequestContext::internal();
    let mut tx = notes.store.begin(&ctx).await?;
    if let Some(before) = tx.lock::<Note>(id).await? {
        // Moved meanwhile: the new reminder is another one.
        if before.remind_at == note.remind_at && tx.cancel(CALL, id).await? {
            let mut after = before.clone();
            after.tm_called = Some(tx.now());
            notehandler::write(&mut tx, &before, after, "note_called").await?;
        }
    }
    tx.commit(()).await
}
