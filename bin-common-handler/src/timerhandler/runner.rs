//! The timers of one kind as a queue.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use tracing::{debug, error};
use uuid::Uuid;

use super::{Handler, Timer, Timers};
use crate::{
    context::RequestContext,
    databasehandler::{ChangeTx, Dialect, Store, Value, list},
    deadletter::{Letter, bury, reason},
    metrics::Metrics,
    models::{
        error::{Error, Result},
        identity::Scope,
        time::Timestamp,
    },
    trace::{Kind, Span, TraceContext, told, within},
    worker::{Attempt, Look, Queue, guarded, jittered, pause_after},
};

/// Timers that may share a transaction: always on SQLite, where nobody else could write meanwhile; on a server only
/// while they are late, as their locks are held for longer.
const GROUP: i64 = 16;
/// They are late when the oldest was due so long ago.
const LATE: Duration = Duration::from_secs(1);

pub(super) struct KindQueue {
    store: Store,
    metrics: Metrics,
    manager: &'static str,
    kind: &'static str,
    handler: Handler,
    /// The last ones taken were due long ago.
    is_late: AtomicBool,
    /// Timers yet to be run one by one: one of a group failed.
    alone: AtomicI64,
}

#[derive(bin_common_handler::FromRow)]
struct Next {
    next_at: Option<i64>,
}

#[derive(bin_common_handler::FromRow)]
struct Row {
    id: Uuid,
    entity_id: Uuid,
    due_at: i64,
    attempt: i64,
    payload: String,
    traceparent: Option<String>,
}

impl KindQueue {
    pub(super) fn new(timers: &Timers, kind: &'static str, handler: Handler) -> Self {
        Self {
            store: timers.store.clone(),
            metrics: timers.metrics.clone(),
            manager: timers.manager,
            kind,
            handler,
            is_late: AtomicBool::new(false),
            alone: AtomicI64::new(0),
        }
    }

    /// How many timers the next transaction may take.
    fn limit(&self) -> i64 {
        let alone = self.alone.load(Ordering::Relaxed);
        if alone > 0 {
            self.alone.store(alone - 1, Ordering::Relaxed);
            return 1;
        }
        match self.store.db.dialect() {
            Dialect::MySql if !self.is_late.load(Ordering::Relaxed) => 1,
            _ => GROUP,
        }
    }

    /// Takes the oldest that are due out of the table: nobody else can have them unless this is rolled back.
    async fn take(&self, tx: &mut ChangeTx<'static>, limit: i64) -> Result<Vec<Timer>> {
        let (prefix, now) = (self.store.prefix(), self.store.clock.now());
        let sql = format!(
            "SELECT id, entity_id, due_at, attempt, payload, traceparent FROM {prefix}_timers \
             WHERE kind = ? AND next_at <= ? ORDER BY next_at LIMIT ?{}",
            tx.sql().dialect().for_update_skip_locked()
        );
        let values = vec![self.kind.into(), Value::Int(now.micros()), limit.into()];
        let rows: Vec<Row> = tx.sql().fetch_all(&sql, values).await?;
        let oldest = rows.first().map(|row| Timestamp::from_micros(row.due_at));
        let is_late = oldest.is_some_and(|due| due.plus(LATE) < now);
        self.is_late.store(is_late, Ordering::Relaxed);
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let (marks, entities) = list(rows.iter().map(|row| row.entity_id));
        let sql = format!("DELETE FROM {prefix}_timers WHERE kind = ? AND entity_id IN ({marks})");
        let values = std::iter::once(self.kind.into()).chain(entities).collect();
        tx.sql().execute(&sql, values).await?;
        Ok(rows.into_iter().map(|row| self.timer(row)).collect())
    }

    fn timer(&self, row: Row) -> Timer {
        Timer {
            id: row.id,
            kind: self.kind.to_owned(),
            entity_id: row.entity_id,
            due_at: Timestamp::from_micros(row.due_at),
            attempt: row.attempt,
            payload: row.payload,
            trace: row.traceparent.as_deref().and_then(TraceContext::parse),
        }
    }

    fn count(&self, result: &str, timers: u64) {
        let labels = [self.manager, self.kind, result];
        self.metrics
            .timers
            .with_label_values(&labels)
            .inc_by(timers);
    }

    fn count_fired(&self, timers: &[Timer]) {
        self.count("fired", timers.len().try_into().unwrap_or(u64::MAX));
        let now = self.store.clock.now();
        let late = self
            .metrics
            .timer_late_seconds
            .with_label_values(&[self.manager]);
        for timer in timers {
            let micros = now.micros().saturating_sub(timer.due_at.micros());
            let age = std::time::Duration::from_micros(u64::try_from(micros).unwrap_or(0));
            late.observe(age.as_secs_f64());
        }
    }

    /// This very setting of the timer, as it was when it failed.
    fn is_it(timer: &Timer) -> (&'static str, [Value; 4]) {
        let values = [
            timer.kind.as_str().into(),
            timer.entity_id.into(),
            timer.id.into(),
            timer.attempt.into(),
        ];
        (
            "kind = ? AND entity_id = ? AND id = ? AND attempt = ?",
            values,
        )
    }

    async fn give_up(&self, timer: &Timer, attempt: i64, fault: &Error) -> Result<()> {
        let prefix = self.store.prefix();
        let (is_it, values) = Self::is_it(timer);
        let mut tx = self.store.db.begin().await?;
        let sql = format!("DELETE FROM {prefix}_timers WHERE {is_it}");
        if tx.execute(&sql, values.into()).await? == 0 {
            tx.rollback().await;
            return Ok(());
        }
        let letter = Letter {
            source: "timer",
            kind: self.kind,
            subject: &timer.entity_id.to_string(),
            message_id: &timer.id.to_string(),
            attempt,
            reason: reason(fault),
            payload: timer.payload.clone().into_bytes(),
            now: self.store.clock.now(),
        };
        bury(&mut tx, prefix, letter).await?;
        tx.commit().await?;
        self.count("dead", 1);
        error!(
            manager = self.manager,
            kind = self.kind,
            entity_id = %timer.entity_id,
            trace_id = told(timer.trace),
            attempt,
            %fault,
            "a timer is given up; it is kept among the dead letters"
        );
        Ok(())
    }
}

#[async_trait]
impl Queue for KindQueue {
    type Row = Timer;

    async fn look(&self) -> Result<Look> {
        let sql = format!(
            "SELECT MIN(next_at) AS next_at FROM {}_timers WHERE kind = ?",
            self.store.prefix()
        );
        let next: Option<Next> = self
            .store
            .db
            .fetch_optional(&sql, vec![self.kind.into()])
            .await?;
        let next = next.and_then(|next| next.next_at);
        Ok(match next.map(Timestamp::from_micros) {
            None => Look::Nothing,
            Some(at) if at <= self.store.clock.now() => Look::Due,
            Some(at) => Look::At(at),
        })
    }

    async fn attempt(&self) -> Result<Attempt<Timer>> {
        let limit = self.limit();
        let mut tx = self.store.begin_own().await?;
        let timers = self.take(&mut tx, limit).await?;
        if timers.is_empty() {
            tx.rollback().await;
            return Ok(Attempt::Nothing);
        }
        for timer in &timers {
            let span = Span::after(timer.trace, Kind::Consumer, self.manager, || {
                self.kind.to_owned()
            });
            let trace = span.context();
            let own = RequestContext::own(format!("timer:{}", timer.id), Scope::TRUSTED);
            tx.work_for(own, trace);
            let work = within(trace, (self.handler)(&mut tx, timer.clone()));
            let Err(error) = guarded(work).await else {
                continue;
            };
            tx.rollback().await;
            if timers.len() > 1 {
                self.alone.store(limit, Ordering::Relaxed);
                return Ok(Attempt::Done);
            }
            return Ok(Attempt::Failed(timer.clone(), error));
        }
        tx.commit(()).await?;
        self.count_fired(&timers);
        Ok(Attempt::Done)
    }

    async fn put_off(&self, timer: Timer, fault: &Error) -> Result<()> {
        let attempt = timer.attempt.saturating_add(1);
        let Some(pause) = pause_after(attempt) else {
            return self.give_up(&timer, attempt, fault).await;
        };
        debug!(
            kind = self.kind,
            entity_id = %timer.entity_id,
            trace_id = told(timer.trace),
            attempt,
            %fault,
            "a timer failed"
        );
        let next = self.store.clock.now().plus(jittered(pause));
        let (is_it, values) = Self::is_it(&timer);
        let sql = format!(
            "UPDATE {}_timers SET attempt = ?, next_at = ? WHERE {is_it}",
            self.store.prefix()
        );
        let set = [attempt.into(), Value::Int(next.micros())];
        let values = set.into_iter().chain(values).collect();
        self.store.db.execute(&sql, values).await?;
        self.count("retried", 1);
        Ok(())
    }
}
