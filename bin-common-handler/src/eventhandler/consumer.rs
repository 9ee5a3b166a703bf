//! Works off `<prefix>_incoming`: effect, memory of the id, and deletion in one transaction.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::error::DatabaseError;
use tracing::{debug, error};
use uuid::Uuid;

use super::{Listener, incoming::entity};
use crate::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store, Value},
    deadletter::{Letter, bury, reason},
    metrics::Metrics,
    models::{
        error::{Error, Result},
        identity::Scope,
        text::hex,
    },
    sockhandler::ReceivedEvent,
    trace::{Kind, Span, TraceContext, told, within},
    worker::{Attempt, Look, Queue, guarded, jittered, pause_after},
};

/// How long an event's id, and an entity's newest version, are remembered.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long an event without an id is known by its content: longer than any broker redelivers.
const CONTENT_REMEMBERED: Duration = Duration::from_secs(600);

pub(super) struct EventQueue {
    pub(super) store: Store,
    pub(super) metrics: Metrics,
    pub(super) manager: &'static str,
    pub(super) listeners: Vec<Listener>,
}

/// An event that waits.
#[derive(Debug, Clone, bin_common_handler::FromRow)]
pub(super) struct Row {
    seq: i64,
    event_key: Vec<u8>,
    entity: Vec<u8>,
    message_id: String,
    routing_key: String,
    version: Option<i64>,
    customer_id: Option<Uuid>,
    payload: Vec<u8>,
    attempt: i64,
    traceparent: Option<String>,
}

#[derive(bin_common_handler::FromRow)]
struct Number {
    number: i64,
}

impl Row {
    fn to_event(&self) -> Result<ReceivedEvent> {
        Ok(ReceivedEvent {
            trace: self.trace(),
            event: serde_json::from_slice(&self.payload).map_err(Error::internal)?,
            routing_key: self.routing_key.clone(),
            message_id: self.message_id.clone(),
            version: self.version,
            customer_id: self.customer_id,
        })
    }

    fn trace(&self) -> Option<TraceContext> {
        self.traceparent.as_deref().and_then(TraceContext::parse)
    }

    /// Names the event in logs and to other services, the same each time.
    fn name(&self) -> String {
        hex(&self.event_key)
    }
}

impl EventQueue {
    /// Takes the oldest event of some entity, which is due and in nobody's hands.
    async fn take(&self, tx: &mut ChangeTx<'static>) -> Result<Option<Row>> {
        let (prefix, now) = (self.store.prefix(), self.store.clock.now());
        let sql = format!(
            "SELECT seq, event_key, entity, message_id, routing_key, version, customer_id, payload, attempt, traceparent \
             FROM {prefix}_incoming AS i WHERE i.next_at <= ? AND NOT EXISTS \
             (SELECT 1 FROM {prefix}_incoming AS e WHERE e.entity = i.entity AND e.seq < i.seq) \
             ORDER BY i.seq LIMIT 1{}",
            tx.sql().dialect().for_update_skip_locked()
        );
        let values = vec![Value::Int(now.micros())];
        let row: Option<Row> = tx.sql().fetch_optional(&sql, values).await?;
        if let Some(row) = &row {
            let sql = format!("DELETE FROM {prefix}_incoming WHERE seq = ?");
            tx.sql().execute(&sql, vec![row.seq.into()]).await?;
        }
        Ok(row)
    }

    /// Notes the event's id; false when it is known already.
    async fn note_id(&self, tx: &mut ChangeTx<'static>, row: &Row) -> Result<bool> {
        let ttl = if row.message_id.is_empty() {
            CONTENT_REMEMBERED
        } else {
            REMEMBERED
        };
        let sql = format!(
            "INSERT INTO {}_received (event_key, tm_expire) VALUES (?, {} + ?)",
            self.store.prefix(),
            tx.sql().dialect().now_micros()
        );
        let values = vec![row.event_key.clone().into(), micros(ttl)];
        match tx.sql().execute(&sql, values).await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_database_error()
                    .is_some_and(DatabaseError::is_unique_violation) =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes the entity's version; false when a newer one is known.
    async fn note_version(&self, tx: &mut ChangeTx<'static>, row: &Row) -> Result<bool> {
        let Some(version) = row.version.filter(|_| entity(&row.routing_key).1) else {
            return Ok(true);
        };
        let table = format!("{}_seen_versions", self.store.prefix());
        let sql = format!("SELECT version AS number FROM {table} WHERE entity = ?");
        let key = Value::from(row.entity.clone());
        let known: Option<Number> = tx.sql().fetch_optional(&sql, vec![key.clone()]).await?;
        if known.is_some_and(|known| known.number > version) {
            return Ok(false);
        }
        let sql = format!(
            "REPLACE INTO {table} (entity, version, tm_expire) VALUES (?, ?, {} + ?)",
            tx.sql().dialect().now_micros()
        );
        let values = vec![key, version.into(), micros(REMEMBERED)];
        tx.sql().execute(&sql, values).await?;
        Ok(true)
    }

    /// Runs every handler that the event is for; what became of it.
    async fn handle(&self, tx: &mut ChangeTx<'static>, row: &Row) -> Result<&'static str> {
        if !self.note_id(tx, row).await? {
            return Ok("repeated");
        }
        if !self.note_version(tx, row).await? {
            return Ok("outdated");
        }
        let event = row.to_event()?;
        let scope = Scope::from_envelope(row.customer_id);
        let span = Span::after(row.trace(), Kind::Consumer, self.manager, || {
            event.event.kind.clone()
        });
        let trace = span.context();
        tx.work_for(
            RequestContext::own(format!("event:{}", row.name()), scope),
            trace,
        );
        let mut result = "unwanted";
        for listener in &self.listeners {
            if listener.topic.fits(&row.routing_key) {
                guarded(within(trace, (listener.handler)(tx, &event))).await?;
                result = "done";
            }
        }
        Ok(result)
    }

    fn count(&self, result: &str) {
        self.metrics
            .received_events
            .with_label_values(&[self.manager, result])
            .inc();
    }

    async fn give_up(&self, row: Row, attempt: i64, fault: &Error) -> Result<()> {
        let prefix = self.store.prefix();
        let mut tx = self.store.db.begin().await?;
        let sql = format!("DELETE FROM {prefix}_incoming WHERE seq = ? AND attempt = ?");
        let values = vec![row.seq.into(), row.attempt.into()];
        if tx.execute(&sql, values).await? == 0 {
            tx.rollback().await;
            return Ok(());
        }
        let trace_id = told(row.trace());
        let kind = row
            .to_event()
            .map_or(String::new(), |event| event.event.kind);
        let letter = Letter {
            source: "event",
            kind: &kind,
            subject: &row.routing_key,
            message_id: &row.message_id,
            attempt,
            reason: reason(fault),
            payload: row.payload,
            now: self.store.clock.now(),
        };
        bury(&mut tx, prefix, letter).await?;
        tx.commit().await?;
        self.count("dead");
        error!(
            manager = self.manager,
            topic = row.routing_key,
            message_id = row.message_id,
            trace_id,
            attempt,
            %fault,
            "an event is given up; it is kept among the dead letters"
        );
        Ok(())
    }
}

fn micros(time: Duration) -> Value {
    Value::Int(i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
}

#[async_trait]
impl Queue for EventQueue {
    type Row = Row;

    async fn look(&self) -> Result<Look> {
        let sql = format!(
            "SELECT seq AS number FROM {}_incoming WHERE next_at <= ? ORDER BY seq LIMIT 1",
            self.store.prefix()
        );
        let now = Value::Int(self.store.clock.now().micros());
        let due: Option<Number> = self.store.db.fetch_optional(&sql, vec![now]).await?;
        Ok(due.map_or(Look::Nothing, |_| Look::Due))
    }

    async fn attempt(&self) -> Result<Attempt<Row>> {
        let mut tx = self.store.begin_own().await?;
        let Some(row) = self.take(&mut tx).await? else {
            tx.rollback().await;
            return Ok(Attempt::Nothing);
        };
        match self.handle(&mut tx, &row).await {
            Ok(result) => {
                tx.commit(()).await?;
                self.count(result);
                Ok(Attempt::Done)
            }
            Err(error) => {
                tx.rollback().await;
                Ok(Attempt::Failed(row, error))
            }
        }
    }

    async fn put_off(&self, row: Row, fault: &Error) -> Result<()> {
        let attempt = row.attempt.saturating_add(1);
        let Some(pause) = pause_after(attempt) else {
            return self.give_up(row, attempt, fault).await;
        };
        let trace_id = told(row.trace());
        debug!(topic = row.routing_key, trace_id, attempt, %fault, "an event failed");
        let next = self.store.clock.now().plus(jittered(pause));
        let sql = format!(
            "UPDATE {}_incoming SET attempt = ?, next_at = ? WHERE seq = ? AND attempt = ?",
            self.store.prefix()
        );
        let values = vec![
            attempt.into(),
            Value::Int(next.micros()),
            row.seq.into(),
            row.attempt.into(),
        ];
        self.store.db.execute(&sql, values).await?;
        self.count("retried");
        Ok(())
    }
}
