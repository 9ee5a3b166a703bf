//! Retention: messages, files, conversations and webhooks go when their time is over, in small transactions, and numbers with
//! the last conversation that has them. Any replica does it, one at a time; where it stood is kept, so a pass that was cut
//! short goes on there. KPIs are counted already, and opt-outs stay for ever, as hashes.

use std::time::Duration;

use bin_common_handler::{
    config::Setting,
    context::RequestContext,
    daemon::{ManagerContext, StartError},
    models::{
        error::{Error, Result, Status},
        identity::Scope,
        time::Timestamp,
    },
};
use prometheus::IntCounterVec;
use tracing::warn;
use uuid::Uuid;

use crate::{
    app::App,
    attachmenthandler::files,
    dbhandler::{attachments, embeddings, retentions},
    models::retention::{ABSENT, PENDING, Spans, WEBHOOKS},
};

/// How often what is over is looked for.
pub(crate) const PERIOD: Setting<Duration> = Setting::duration(
    "RETENTION_PERIOD",
    "10m",
    100..=86_400_000,
    "How often messages, files, conversations and webhooks are looked for whose time is over",
    "10m",
);
/// Rows of one transaction.
const ROWS_MAX: u32 = 500;
/// Transactions of each kind for one business, in one pass; the next pass does the rest.
const STEPS_MAX: u32 = 200;
/// Businesses of one pass.
const BUSINESSES_MAX: u32 = 1_000;
/// A replica that ended in its pass holds up the others for so long.
const LEASE: Duration = Duration::from_secs(300);

/// Starts the job.
///
/// # Errors
/// When the figure cannot be made.
pub(crate) fn start(ctx: &ManagerContext, app: &App) -> std::result::Result<(), StartError> {
    let help = "Rows whose time was over, by what they were";
    let deleted = ctx
        .metrics
        .counter("retention_deleted_total", help, &["what"]);
    let deleted = deleted.map_err(|fault| StartError::Other(fault.to_string()))?;
    let (app, period) = (app.clone(), ctx.config.get(&PERIOD));
    ctx.tasks.every("retention", period, move || {
        let pass = Pass {
            app: app.clone(),
            deleted: deleted.clone(),
        };
        async move {
            if let Err(fault) = pass.run().await {
                warn!(%fault, "retention was cut short");
            }
        }
    });
    Ok(())
}

struct Pass {
    app: App,
    deleted: IntCounterVec,
}

/// What others were told, who is there, and who was.
#[derive(Clone, Copy)]
enum Told {
    Notifications,
    Deliveries,
    Visitors,
    VisitorEmails,
    Presences,
    Numbers,
    Leads,
}

impl Told {
    const fn what(self) -> &'static str {
        match self {
            Self::Notifications => "notifications",
            Self::Deliveries => "deliveries",
            Self::Visitors => "visitors",
            Self::VisitorEmails => "visitor_emails",
            Self::Presences => "presences",
            Self::Numbers => "numbers",
            Self::Leads => "leads",
        }
    }
}

impl Pass {
    async fn run(&self) -> Result<()> {
        let (db, now) = (&self.app.store.db, self.app.store.clock.now());
        if !retentions::take(db, retentions::NAME, now, LEASE).await? {
            return Ok(());
        }
        let done = self.work(now).await;
        // Whoever comes next goes on, also after a failure.
        let end = matches!(done, Ok(true)).then(Uuid::nil);
        retentions::leave(db, retentions::NAME, end).await?;
        done.map(drop)
    }

    /// True where the last business was reached: the next pass begins anew.
    async fn work(&self, now: Timestamp) -> Result<bool> {
        let db = &self.app.store.db;
        self.sweep_webhooks(now.minus(WEBHOOKS)).await?;
        self.sweep_files(now.minus(PENDING)).await?;
        let from = retentions::cursor(db).await?;
        let businesses = retentions::businesses(db, from, BUSINESSES_MAX).await?;
        let is_last = businesses.len() < usize::try_from(BUSINESSES_MAX).unwrap_or(usize::MAX);
        for customer_id in businesses {
            self.business(customer_id, now).await?;
            retentions::move_on(db, customer_id, now, LEASE).await?;
        }
        Ok(is_last)
    }

    fn count(&self, what: &str, rows: u64) {
        self.deleted.with_label_values(&[what]).inc_by(rows);
    }

    async fn business(&self, customer_id: Uuid, now: Timestamp) -> Result<()> {
        let Some(spans) = self.spans(customer_id).await? else {
            // Nobody says how long: nothing goes.
            return Ok(());
        };
        let messages = now.minus(spans.messages);
        self.messages(customer_id, messages).await?;
        let conversations = now.minus(spans.conversations);
        self.steps(
            &[
                (Told::Notifications, messages),
                (Told::Deliveries, now.minus(WEBHOOKS)),
                (Told::Visitors, messages),
                (Told::VisitorEmails, messages),
                (Told::Presences, now.minus(ABSENT)),
            ],
            customer_id,
        )
        .await?;
        self.conversations(customer_id, conversations).await?;
        // Numbers go with the last conversation that has them.
        self.steps(
            &[(Told::Numbers, conversations), (Told::Leads, conversations)],
            customer_id,
        )
        .await
    }

    /// How long the rows of a business are kept; none while did-manager is away.
    async fn spans(&self, customer_id: Uuid) -> Result<Option<Spans>> {
        let mut ctx = RequestContext::internal();
        ctx.scope = Scope::tenant(customer_id);
        match self.app.businesses.get(&ctx, customer_id).await {
            Ok(business) => Ok(Some(Spans::of(business.retention_days()))),
            Err(error) if error.status() == Status::NotFound => Ok(Some(Spans::of(0))),
            Err(error) if error.status() == Status::Unavailable => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn messages(&self, customer_id: Uuid, before: Timestamp) -> Result<()> {
        let db = &self.app.store.db;
        for _ in 0..STEPS_MAX {
            let ids = retentions::old_messages(db, customer_id, before, ROWS_MAX).await?;
            if ids.is_empty() {
                break;
            }
            // Files first: a row without a file is found again, a file without a row never.
            let owned: Vec<_> = retentions::files_among(db, &ids).await?;
            let files: Vec<_> = owned.iter().map(|id| (customer_id, *id)).collect();
            files::remove(&self.app, &files).await?;
            retentions::delete(db, "chat_attachments", &owned).await?;
            self.count("attachments", u64::try_from(files.len()).unwrap_or(0));
            embeddings::delete(db, customer_id, &ids).await?;
            let rows = retentions::delete(db, "chat_messages", &ids).await?;
            self.count("messages", rows);
        }
        let rows = retentions::delete_old(db, "chat_turns", customer_id, before, ROWS_MAX).await?;
        self.count("turns", rows);
        let rows =
            retentions::delete_old(db, "chat_summaries", customer_id, before, ROWS_MAX).await?;
        self.count("summaries", rows);
        Ok(())
    }

    /// Each of these, as far as it was before its time.
    async fn steps(&self, of: &[(Told, Timestamp)], customer_id: Uuid) -> Result<()> {
        for (told, before) in of {
            for _ in 0..STEPS_MAX {
                match self.step(*told, customer_id, *before).await? {
                    0 => break,
                    rows => self.count(told.what(), rows),
                }
            }
        }
        Ok(())
    }

    async fn step(&self, told: Told, customer_id: Uuid, before: Timestamp) -> Result<u64> {
        let db = &self.app.store.db;
        match told {
            Told::Notifications => {
                let table = "chat_notifications";
                retentions::delete_old(db, table, customer_id, before, ROWS_MAX).await
            }
            Told::Deliveries => {
                let table = "chat_deliveries";
                retentions::delete_old(db, table, customer_id, before, ROWS_MAX).await
            }
            Told::VisitorEmails => {
                let table = "chat_visitor_emails";
                retentions::delete_old(db, table, customer_id, before, ROWS_MAX).await
            }
            Told::Visitors => retentions::forget_visitors(db, customer_id, before, ROWS_MAX).await,
            Told::Presences => retentions::delete_absent(db, customer_id, before, ROWS_MAX).await,
            Told::Numbers => retentions::forget_numbers(db, customer_id, before, ROWS_MAX).await,
            Told::Leads => retentions::forget_leads(db, customer_id, before, ROWS_MAX).await,
        }
    }

    async fn conversations(&self, customer_id: Uuid, before: Timestamp) -> Result<()> {
        let store = &self.app.store;
        for _ in 0..STEPS_MAX {
            let ids =
                retentions::old_conversations(&store.db, customer_id, before, ROWS_MAX).await?;
            if ids.is_empty() {
                break;
            }
            let ctx = RequestContext::internal();
            let mut tx = store.begin(&ctx).await?;
            let rows = retentions::delete_conversations(&mut tx, &ids).await?;
            tx.commit(()).await?;
            self.count("conversations", rows);
        }
        Ok(())
    }

    async fn sweep_webhooks(&self, before: Timestamp) -> Result<()> {
        let db = &self.app.store.db;
        for _ in 0..STEPS_MAX {
            let ids = retentions::old_webhooks(db, before, ROWS_MAX).await?;
            if ids.is_empty() {
                break;
            }
            let rows = retentions::delete(db, "chat_webhooks", &ids).await?;
            self.count("webhooks", rows);
        }
        Ok(())
    }

    /// Files that were erased, and those that never became whole.
    async fn sweep_files(&self, before: Timestamp) -> Result<()> {
        files::sweep_parts(&self.app, PENDING).await?;
        let db = &self.app.store.db;
        for _ in 0..STEPS_MAX {
            let left = attachments::leftover(db, before, ROWS_MAX).await?;
            if left.is_empty() {
                break;
            }
            let all: Vec<_> = left.iter().map(|row| (row.customer_id, row.id)).collect();
            files::remove(&self.app, &all).await?;
            let ids: Vec<_> = left.iter().map(|row| row.id).collect();
            let rows = retentions::delete(db, "chat_attachments", &ids).await?;
            self.count("leftovers", rows);
            if rows == 0 {
                return Err(Error::internal("rows that are there cannot be deleted"));
            }
        }
        Ok(())
    }
}
