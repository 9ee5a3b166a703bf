//! What messages mean, as vectors of a model elsewhere, for searches by meaning. A job beside everything else asks for
//! them, some at a time, the newest first, and goes back through older messages little by little. Nothing waits for it.
//! Without a server it does not run, and nothing is kept.
//!
//! A message waits in a row of its own, by its event; what an event never told of (the daemon had no server then, or
//! another model) is found by the walk back, which every process makes once.

use std::time::Duration;

use bin_common_handler::{
    config::Setting,
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::ChangeTx,
    models::{error::Result, time::Timestamp},
    sockhandler::ReceivedEvent,
};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::{
        embeddings::{self, Said, Waiting},
        retentions,
    },
    embeddinghandler::Fault,
    models::message::MessageStatus,
};

/// How often is looked for messages without a vector.
pub(crate) const PERIOD: Setting<Duration> = Setting::duration(
    "EMBEDDINGS_PERIOD",
    "2s",
    100..=3_600_000,
    "How often messages that nobody can find by their meaning yet are given to that model",
    "2s",
);
/// Messages of one request.
const BATCH_MAX: u32 = 32;
/// Requests of one pass; the next pass does the rest.
const BATCHES_MAX: u32 = 16;
/// Older messages that one pass goes back.
const STEP_MAX: u32 = 200;
/// How long the model may take for a batch.
const WITHIN: Duration = Duration::from_secs(10);
/// How often a text is offered that is refused by itself.
const TRIES_MAX: u32 = 3;
/// A replica that ended in its pass holds up the others for so long.
const LEASE: Duration = Duration::from_secs(300);

/// What an event of a message says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MessageEvent {
    id: Uuid,
    customer_id: Uuid,
    conversation_id: Uuid,
    body: String,
    status: MessageStatus,
    tm_create: Timestamp,
}

/// Starts the job, where there is a server.
pub(crate) fn start(ctx: &ManagerContext, app: &App) {
    if !app.embedder.is_set() {
        return;
    }
    let events = &ctx.events;
    events.on_with("chat-manager.message.#", app.clone(), said);
    let (mut job, period) = (Job::new(app.clone()), ctx.config.get(&PERIOD));
    ctx.tasks.spawn("embeddings", |stop| async move {
        let pause = || tokio::time::sleep(period);
        while stop.run_until_cancelled(pause()).await.is_some() {
            if let Err(fault) = Box::pin(job.pass(&stop)).await {
                warn!(%fault, "messages wait for their vectors");
            }
        }
    });
}

/// A message was written or changed: it waits for its vector, if it has none.
async fn said(app: App, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let told: MessageEvent = event.data()?;
    let is_silent = told.body.trim().is_empty() || told.status == MessageStatus::Discarded;
    if is_silent || told.id.is_nil() || told.customer_id.is_nil() {
        return Ok(());
    }
    let said = Said {
        customer_id: told.customer_id,
        message_id: told.id,
        conversation_id: told.conversation_id,
        tm_create: told.tm_create,
    };
    embeddings::wait(tx, &app.embedder.name(), &said).await
}

struct Job {
    app: App,
    model: String,
    /// Where the walk back stands; none at its end.
    walk: Option<Uuid>,
    /// Whether the server failed last: that is told once.
    is_away: bool,
}

impl Job {
    fn new(app: App) -> Self {
        Self {
            model: app.embedder.name(),
            app,
            walk: Some(Uuid::max()),
            is_away: false,
        }
    }

    /// A drain does not wait for the model: what was begun is begun anew.
    async fn pass(&mut self, stop: &CancellationToken) -> Result<()> {
        let app = self.app.clone();
        let (db, now) = (&app.store.db, app.store.clock.now());
        if self.walk.is_none() && !embeddings::is_any_waiting(db).await? {
            return Ok(());
        }
        if !retentions::take(db, retentions::EMBEDDINGS, now, LEASE).await? {
            return Ok(());
        }
        let done = stop.run_until_cancelled(Box::pin(self.work())).await;
        // Whoever comes next goes on, also after a failure.
        retentions::leave(db, retentions::EMBEDDINGS, None).await?;
        done.unwrap_or(Ok(()))
    }

    async fn work(&mut self) -> Result<()> {
        let app = self.app.clone();
        for _ in 0..BATCHES_MAX {
            let rows = embeddings::waiting(&app.store.db, BATCH_MAX).await?;
            if rows.is_empty() {
                return self.step_back().await;
            }
            match self.batch(rows).await? {
                Ok(()) => self.tell_back(),
                Err(word) => {
                    self.tell_away(word);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Older messages wait, too, once no newer one does.
    async fn step_back(&mut self) -> Result<()> {
        if let Some(before) = self.walk {
            let db = &self.app.store.db;
            self.walk = embeddings::wait_before(db, &self.model, before, STEP_MAX).await?;
        }
        Ok(())
    }

    /// Gives these messages their vectors; why there are none where the server failed, as a word.
    async fn batch(&self, rows: Vec<Waiting>) -> Result<std::result::Result<(), &'static str>> {
        let has_words = |row: &Waiting| row.body.as_deref().is_some_and(|it| !it.trim().is_empty());
        let (there, gone): (Vec<Waiting>, Vec<Waiting>) = rows.into_iter().partition(has_words);
        self.drop_gone(&gone).await?;
        match self.ask(&there).await? {
            Err(Fault::Refused) => {}
            Err(Fault::Away(word)) => return Ok(Err(word)),
            Ok(()) => return Ok(Ok(())),
        }
        // One of them is not taken, and nobody says which: each is asked for by itself.
        for row in there {
            match self.ask(std::slice::from_ref(&row)).await? {
                Ok(()) => {}
                Err(Fault::Refused) => self.refuse(&row).await?,
                Err(Fault::Away(word)) => return Ok(Err(word)),
            }
        }
        Ok(Ok(()))
    }

    async fn ask(&self, rows: &[Waiting]) -> Result<std::result::Result<(), Fault>> {
        if rows.is_empty() {
            return Ok(Ok(()));
        }
        let texts: Vec<&str> = rows
            .iter()
            .map(|row| row.body.as_deref().unwrap_or_default())
            .collect();
        let vectors = match self.app.embedder.embed(&texts, WITHIN).await {
            Ok(vectors) => vectors,
            Err(fault) => return Ok(Err(fault)),
        };
        let ctx = RequestContext::internal();
        let mut tx = self.app.store.begin(&ctx).await?;
        for (row, vector) in rows.iter().zip(vectors) {
            embeddings::keep(&mut tx, row, &self.model, vector.bytes()).await?;
        }
        tx.commit(()).await?;
        Ok(Ok(()))
    }

    async fn refuse(&self, row: &Waiting) -> Result<()> {
        let ctx = RequestContext::internal();
        let mut tx = self.app.store.begin(&ctx).await?;
        embeddings::refuse(&mut tx, row, TRIES_MAX).await?;
        tx.commit(()).await
    }

    /// What was deleted, or forgotten, waits no longer.
    async fn drop_gone(&self, gone: &[Waiting]) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        let ctx = RequestContext::internal();
        let mut tx = self.app.store.begin(&ctx).await?;
        for row in gone {
            embeddings::forget(&mut tx, row.customer_id, row.message_id).await?;
        }
        tx.commit(()).await
    }

    fn tell_away(&mut self, fault: &'static str) {
        if !self.is_away {
            warn!(fault, "the model of EMBEDDINGS_BASE_URL makes no vectors");
        }
        self.is_away = true;
    }

    fn tell_back(&mut self) {
        if self.is_away {
            info!("the model of EMBEDDINGS_BASE_URL makes vectors again");
        }
        self.is_away = false;
    }
}
