//! A manager's way to change things: entity, event and operation row in one transaction.

use std::{borrow::Cow, time::Duration};

use serde::Serialize;
use sqlx::Error as SqlError;
use tracing::warn;
use uuid::Uuid;

use super::Store;
use crate::{
    context::RequestContext,
    databasehandler::{Entity, Tx, Value, entity, error::is_away},
    failpoint,
    models::{
        error::{Error, Result},
        sock::Response,
        time::Timestamp,
    },
    notifyhandler::outbox,
    quota::Room,
    trace::{self, Kind, Span, TraceContext},
};

/// Rows written by one INSERT.
const ROWS_PER_INSERT: usize = 100;
/// The name of a transaction's span.
const TRANSACTION: &str = "transaction";
/// How long an unanswered COMMIT is inquired about.
const SETTLE_ATTEMPTS: u32 = 10;
const SETTLE_PAUSE: Duration = Duration::from_millis(300);

/// A change in the making. Dropped unfinished, it is rolled back.
///
/// A conflict or a lost connection fails the step that met it with an error that
/// [`Error::is_retriable`]: whoever runs the work (the router, for requests) runs all of it again, so it
/// must change nothing but this.
pub struct ChangeTx<'c> {
    tx: Tx,
    store: Store,
    ctx: Cow<'c, RequestContext>,
    marks: Vec<(String, Timestamp)>,
    /// Events that are not written yet: those of one change share a statement.
    events: Vec<[Value; outbox::COLUMNS.len()]>,
    emitted: bool,
    /// Timers that were set: kind and time.
    scheduled: Vec<(String, Timestamp)>,
    /// Room that was taken for new rows.
    rooms: Vec<Room>,
    /// What is done once all of this is durable.
    afterwards: Vec<Box<dyn FnOnce() + Send + Sync>>,
    /// From the beginning to the commit or the end.
    _span: Span,
}

impl Store {
    /// Begins a change for `ctx`.
    ///
    /// # Errors
    /// 503 when the database is away.
    pub async fn begin<'c>(&self, ctx: &'c RequestContext) -> Result<ChangeTx<'c>> {
        self.begin_for(Cow::Borrowed(ctx)).await
    }

    /// Begins a change of our own: what it works for is told by [`ChangeTx::work_for`].
    pub(crate) async fn begin_own(&self) -> Result<ChangeTx<'static>> {
        self.begin_for(Cow::Owned(RequestContext::internal())).await
    }

    async fn begin_for<'c>(&self, ctx: Cow<'c, RequestContext>) -> Result<ChangeTx<'c>> {
        let span = Span::here(Kind::Internal, self.publisher, || TRANSACTION.to_owned());
        let tx = self.db.begin().await?;
        Ok(ChangeTx {
            tx,
            store: self.clone(),
            ctx,
            marks: Vec::new(),
            events: Vec::new(),
            emitted: false,
            scheduled: Vec::new(),
            rooms: Vec::new(),
            afterwards: Vec::new(),
            _span: span,
        })
    }
}

impl ChangeTx<'_> {
    /// Makes the change durable, together with its events and its operation row; `value` is the reply that a
    /// repeated request will get.
    ///
    /// # Errors
    /// [`Error::replay`] when the operation was done before; 503 when the database is away.
    pub async fn commit<T: Serialize>(self, value: T) -> Result<T> {
        let reply = Response::ok(&value);
        self.finish(&reply).await?;
        Ok(value)
    }

    /// Makes durable what was noted about a request that is refused; `refusal` is its reply, now and when it
    /// is repeated.
    ///
    /// # Errors
    /// Always: `refusal`, or why it could not be kept.
    pub async fn commit_refusal<T>(self, refusal: Error) -> Result<T> {
        let reply = refusal.to_response(self.store.publisher);
        self.finish(&reply).await?;
        Err(refusal)
    }

    async fn finish(mut self, reply: &Response) -> Result<()> {
        self.write_events(1).await?;
        if let Some(operation) = &self.ctx.operation
            && !self
                .store
                .inbox
                .record(&mut self.tx, operation, reply)
                .await?
        {
            let Self { tx, store, ctx, .. } = self;
            tx.rollback().await;
            return Err(store.replay(&ctx).await);
        }
        let is_marked = self.store.cache.mark(&self.marks).await;
        failpoint::reach("before_commit");
        let Self {
            tx,
            store,
            ctx,
            marks,
            emitted,
            scheduled,
            rooms,
            afterwards,
            ..
        } = self;
        if let Err(error) = tx.commit().await {
            store.settle(&ctx, reply, error).await?;
        }
        rooms.into_iter().for_each(Room::keep);
        if !is_marked {
            store.cache.mark(&marks).await;
        }
        failpoint::reach("after_commit");
        if emitted {
            store.waker.wake();
        }
        for (kind, at) in scheduled {
            store.alarms.wake(&kind, at);
        }
        afterwards.into_iter().for_each(|work| work());
        Ok(())
    }
}

impl Store {
    /// COMMIT went unanswered: finds out whether it happened. Another delivery of the operation may have been
    /// faster; then its reply counts.
    async fn settle(&self, ctx: &RequestContext, reply: &Response, error: SqlError) -> Result<()> {
        if !is_away(&error) {
            return Err(error.into());
        }
        // Not the database's own error: running it again might do it twice.
        let unknown =
            || Error::unavailable("database", format!("the outcome is not known: {error}"));
        let Some(operation) = &ctx.operation else {
            return Err(unknown());
        };
        warn!(%error, "commit went unanswered, inquiring");
        for _ in 0..SETTLE_ATTEMPTS {
            match self.inbox.has_happened(operation).await {
                Ok(true) => match self.replay(ctx).await {
                    done if done.replayed().is_some_and(|first| is_same(first, reply)) => {
                        return Ok(());
                    }
                    done => return Err(done),
                },
                Ok(false) => return Err(error.into()),
                Err(_) => tokio::time::sleep(SETTLE_PAUSE).await,
            }
        }
        Err(unknown())
    }

    async fn replay(&self, ctx: &RequestContext) -> Error {
        let Some(operation) = &ctx.operation else {
            return Error::internal("a replay without an operation");
        };
        match self.inbox.find(operation).await {
            Ok(Some(reply)) => Error::replay(reply),
            Ok(None) => Error::unavailable("database", "the recorded operation is gone"),
            Err(error) => error,
        }
    }
}

impl ChangeTx<'_> {
    /// Hands something over once this change is durable, and never where it is rolled back: whoever gets it meets no row that
    /// is still locked here. A process that ends between the two hands nothing over, so a timer stands behind it.
    pub fn after_commit(&mut self, work: impl FnOnce() + Send + Sync + 'static) {
        self.afterwards.push(Box::new(work));
    }

    /// The raw transaction, for SQL that the words here do not say.
    pub fn sql(&mut self) -> &mut Tx {
        &mut self.tx
    }

    /// On whose behalf this is done, e.g. for a request to another service.
    pub fn context(&self) -> &RequestContext {
        &self.ctx
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.store.clock.now()
    }

    /// What our tables start with.
    pub(crate) fn prefix(&self) -> &'static str {
        self.store.prefix
    }

    /// Says what a change of our own is done for.
    pub(crate) fn work_for(&mut self, ctx: RequestContext, trace: Option<TraceContext>) {
        self.ctx = Cow::Owned(ctx);
        self._span = Span::after(trace, Kind::Internal, self.store.publisher, || {
            TRANSACTION.to_owned()
        });
    }

    /// Undoes everything, before whoever comes next looks.
    pub(crate) async fn rollback(self) {
        self.tx.rollback().await;
    }

    /// A timer was set: its runner is woken after the commit.
    pub(crate) fn note_timer(&mut self, kind: &str, at: Timestamp) {
        self.scheduled.push((kind.to_owned(), at));
    }

    /// Room for new rows is theirs with the commit, and given back without one.
    pub(crate) fn hold(&mut self, room: Room) {
        self.rooms.push(room);
    }

    /// The version of a row that is changed now: never before the one it had.
    pub fn next_version(&self, previous: Timestamp) -> Timestamp {
        self.store.clock.now().after(previous)
    }

    /// Reads a row and holds it until the end of the transaction.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn lock<E: Entity>(&mut self, id: Uuid) -> Result<Option<E>> {
        let sql = format!(
            "{} WHERE id = ?{}",
            entity::select::<E>(),
            self.tx.dialect().for_update()
        );
        Ok(self.tx.fetch_optional(&sql, vec![id.into()]).await?)
    }

    /// Reads a row as it is committed.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn get<E: Entity>(&mut self, id: Uuid) -> Result<Option<E>> {
        let sql = format!("{} WHERE id = ?", entity::select::<E>());
        Ok(self.tx.fetch_optional(&sql, vec![id.into()]).await?)
    }

    /// Writes a new row.
    ///
    /// # Errors
    /// 409 when it is there already.
    pub async fn insert<E: Entity>(&mut self, row: &E) -> Result<()> {
        self.tx
            .execute(&entity::insert::<E>(1), row.values())
            .await?;
        Ok(())
    }

    /// Writes many new rows.
    ///
    /// # Errors
    /// 409 when one is there already.
    pub async fn insert_all<E: Entity>(&mut self, rows: &[E]) -> Result<()> {
        for rows in rows.chunks(ROWS_PER_INSERT) {
            let values = rows.iter().flat_map(Entity::values).collect();
            self.tx
                .execute(&entity::insert::<E>(rows.len()), values)
                .await?;
        }
        Ok(())
    }

    /// Writes every column of a row that was locked before.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn update<E: Entity>(&mut self, row: &E) -> Result<()> {
        let mut values = row.values();
        let id = values.remove(0);
        values.push(id);
        self.tx.execute(&entity::update::<E>(), values).await?;
        self.marks
            .push((Store::cache_key::<E>(row.id()), row.version()));
        Ok(())
    }

    /// Says what happened: the event leaves after the commit, and only then.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn emit<E: Entity>(&mut self, kind: &str, row: &E, customer_id: Uuid) -> Result<()> {
        self.announce_all(kind, std::slice::from_ref(row), customer_id)
            .await
    }

    /// As [`Self::emit`], one event for each row.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn announce_all<E: Entity>(
        &mut self,
        kind: &str,
        rows: &[E],
        customer_id: Uuid,
    ) -> Result<()> {
        let payloads = rows.iter().map(|row| {
            let data = serde_json::to_string(row).map_err(Error::internal)?;
            Ok(EventPayload {
                resource_id: row.id(),
                customer_id,
                version: row.version(),
                data,
            })
        });
        self.emit_payloads(kind, payloads.collect::<Result<_>>()?)
            .await
    }

    /// As [`Self::emit`], of something that is no row of its own.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn emit_payload(&mut self, kind: &str, payload: EventPayload) -> Result<()> {
        self.emit_payloads(kind, vec![payload]).await
    }

    async fn emit_payloads(&mut self, kind: &str, payloads: Vec<EventPayload>) -> Result<()> {
        let now = self.store.clock.now();
        self.emitted |= !payloads.is_empty();
        for payload in payloads {
            self.events.push(payload.values(kind, now));
        }
        self.write_events(ROWS_PER_INSERT).await
    }

    /// Writes the events that wait, in their order, as long as there are `least` of them.
    async fn write_events(&mut self, least: usize) -> Result<()> {
        while !self.events.is_empty() && self.events.len() >= least {
            let count = self.events.len().min(ROWS_PER_INSERT);
            let values = self.events.drain(..count).flatten().collect();
            self.tx
                .execute(&outbox::insert(self.store.prefix, count), values)
                .await?;
        }
        Ok(())
    }
}

fn is_same(one: &Response, other: &Response) -> bool {
    (one.status_code, one.body()) == (other.status_code, other.body())
}

/// What an event says.
#[derive(Debug, Clone)]
pub struct EventPayload {
    /// Whose id the event's topic has.
    pub resource_id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// Later events of the same resource have higher versions.
    pub version: Timestamp,
    /// The event's data, as JSON.
    pub data: String,
}

impl EventPayload {
    fn values(self, kind: &str, now: Timestamp) -> [Value; outbox::COLUMNS.len()] {
        [
            crate::ids::next().into(),
            kind.into(),
            self.resource_id.into(),
            self.customer_id.into(),
            Value::Int(self.version.micros()),
            self.data.into(),
            Value::Int(now.micros()),
            trace::current().map(|trace| trace.to_string()).into(),
        ]
    }
}
