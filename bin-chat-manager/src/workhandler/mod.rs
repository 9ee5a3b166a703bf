//! The jobs: what was kept is worked on, outside of any request. Each is set as a timer, too, so that a process which ends
//! loses none, and doing one twice changes nothing.

mod greeting;
mod inbound;
mod reminder;

use std::sync::Arc;

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::ChangeTx,
    models::error::{Error, Result},
    timerhandler::Timer,
};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::{
    app::{App, Job},
    attachmenthandler::media,
    calendarsynchandler,
    conflicts::Conflicts,
    contacthandler,
    models::{
        timers::{MEDIA, WORK},
        webhook::{Webhook, WebhookKind},
    },
    sendhandler, turnhandler,
};

pub(crate) use greeting::{Caller, Promise, promise};

/// Jobs at the same time.
const WORKERS: usize = 16;
/// Tries of one piece of work, four hours in all.
const TRIES_MAX: u32 = 14;
/// The pause after the first; it doubles.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(2);

/// Starts the jobs.
pub(crate) fn start(ctx: &ManagerContext, app: &App, waiting: mpsc::Receiver<Job>) {
    ctx.timers.on_with(WORK, app.jobs.clone(), due);
    ctx.timers.on_with(MEDIA, app.jobs.clone(), media::due);
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..WORKERS {
        let (app, waiting) = (app.clone(), Arc::clone(&waiting));
        ctx.tasks
            .spawn("chat jobs", |stop| work_off(app, waiting, stop));
    }
}

async fn work_off(app: App, waiting: Arc<Mutex<mpsc::Receiver<Job>>>, stop: CancellationToken) {
    let next = async || waiting.lock().await.recv().await;
    while let Some(Some(job)) = stop.run_until_cancelled(next()).await {
        if let Err(error) = persist(&app, job).await {
            // Its timer comes back to it. The cause never holds what somebody wrote.
            warn!(
                reason = error.reason(),
                "a job failed and will be tried again"
            );
        }
    }
}

async fn persist(app: &App, job: Job) -> Result<()> {
    let mut conflicts = Conflicts::default();
    loop {
        match Box::pin(perform(app, job)).await {
            Err(error) => conflicts.again(error).await?,
            done => return done,
        }
    }
}

async fn perform(app: &App, job: Job) -> Result<()> {
    // The first use asks the database for the key, which must not happen inside a transaction.
    contacthandler::hash(app, "").await?;
    match job {
        Job::Work(id) => Box::pin(work(app, id)).await,
        Job::Send(id) => Box::pin(sendhandler::advance(app, id)).await,
        Job::Run(id) => Box::pin(turnhandler::run(app, id)).await,
        Job::Fetch(id) => media::fetch(app, id).await,
        Job::Calendar(id) => calendarsynchandler::run(app, id).await,
    }
}

/// The timer of an inbox row: its next try is set, and a job takes this one.
async fn due(jobs: mpsc::Sender<Job>, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let tried: u32 = timer.payload()?;
    if tried < TRIES_MAX {
        let next = tx.now().plus(PAUSE * 2_u32.pow(tried));
        tx.schedule(WORK, timer.entity_id, next, &(tried + 1))
            .await?;
    }
    tx.after_commit(move || {
        let _ = jobs.try_send(Job::Work(timer.entity_id));
    });
    Ok(())
}

async fn work(app: &App, id: Uuid) -> Result<()> {
    let Some(row) = app.store.get::<Webhook>(id).await? else {
        return Ok(());
    };
    if row.tm_done.is_some() {
        return Ok(());
    }
    match row.kind {
        WebhookKind::Sms => Box::pin(inbound::in_order(app, &row)).await,
        WebhookKind::SmsStatus => status(app, &row).await,
        WebhookKind::CallMissed => greeting::missed(app, &row).await,
        WebhookKind::Reminder => reminder::remind(app, &row).await,
        WebhookKind::Other(_) => Ok(()),
    }
}

async fn status(app: &App, row: &Webhook) -> Result<()> {
    let report = read(row)?;
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    if take(&mut tx, row.id).await? {
        sendhandler::report(app, &mut tx, row.customer_id, &report).await?;
    }
    tx.commit(()).await
}

fn read<T: serde::de::DeserializeOwned>(row: &Webhook) -> Result<T> {
    serde_json::from_str(&row.payload).map_err(Error::internal)
}

/// Takes the work of a row for this transaction; false where it was done.
async fn take(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<bool> {
    let Some(mut row) = tx.lock::<Webhook>(id).await? else {
        return Ok(false);
    };
    tx.cancel(WORK, id).await?;
    if row.tm_done.is_some() {
        return Ok(false);
    }
    row.tm_done = Some(tx.now());
    row.tm_update = tx.next_version(row.tm_update);
    // What a person wrote stands in their conversation; a second place would outlive its erasure.
    row.payload.clear();
    row.phone_hash = None;
    tx.update(&row).await?;
    Ok(true)
}
