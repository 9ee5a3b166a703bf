//! The outbox table: events that are committed and not yet confirmed by the bus.

use serde_json::{json, value::RawValue};
use sqlx::Error as SqlError;
use uuid::Uuid;

use crate::{
    databasehandler::{Db, Value, list},
    models::{
        error::{Error, Result},
        sock::{Event, Method, Request},
    },
    sockhandler::Outgoing,
    trace::TraceContext,
};

/// What a change writes.
pub(crate) const COLUMNS: [&str; 8] = [
    "event_id",
    "type",
    "resource_id",
    "customer_id",
    "version",
    "data",
    "tm_create",
    "traceparent",
];

pub(crate) fn insert(prefix: &str, rows: usize) -> String {
    let marks = format!("({})", vec!["?"; COLUMNS.len()].join(", "));
    format!(
        "INSERT INTO {prefix}_outbox ({}) VALUES {}",
        COLUMNS.join(", "),
        vec![marks; rows].join(", ")
    )
}

/// One event that waits.
#[derive(Debug, Clone, bin_common_handler::FromRow)]
pub(super) struct Waiting {
    pub id: i64,
    pub event_id: Uuid,
    #[row(rename = "type")]
    pub kind: String,
    pub resource_id: Uuid,
    pub customer_id: Uuid,
    pub version: i64,
    pub data: String,
    pub tm_create: i64,
    pub traceparent: Option<String>,
}

impl Waiting {
    /// The message that carries it.
    pub(super) fn to_outgoing(&self, publisher: &str) -> Result<Outgoing> {
        let data = RawValue::from_string(self.data.clone()).map_err(Error::internal)?;
        let body = serde_json::to_vec(&Event::new(&self.kind, publisher, data))
            .map_err(Error::internal)?;
        Ok(Outgoing {
            trace: self.traceparent.as_deref().and_then(TraceContext::parse),
            routing_key: Event::routing_key(&self.kind, publisher, self.resource_id),
            message_id: self.event_id.to_string(),
            version: self.version,
            customer_id: (!self.customer_id.is_nil()).then_some(self.customer_id),
            body,
        })
    }

    /// The webhook request that voipbin's webhook-manager expects; nothing without a customer.
    pub(super) fn to_webhook(&self, publisher: &str) -> Option<Request> {
        if self.customer_id.is_nil() {
            return None;
        }
        let data: &RawValue = serde_json::from_str(&self.data).ok()?;
        let body = json!({
            "customer_id": self.customer_id,
            "data_type": "application/json",
            "data": { "type": self.kind, "data": data },
        });
        let mut request = Request::new(Method::Post, "/v1/webhooks", publisher)
            .json(&body)
            .ok()?;
        request.idempotency_key = Some(self.event_id.to_string());
        Some(request)
    }
}

/// The outbox of one manager.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    db: Db,
    prefix: &'static str,
}

#[derive(bin_common_handler::FromRow)]
struct Depth {
    rows_waiting: i64,
    oldest: Option<i64>,
}

impl Outbox {
    pub(super) fn new(db: Db, prefix: &'static str) -> Self {
        Self { db, prefix }
    }

    /// The oldest events that wait, in the order of their commits for each entity.
    pub(super) async fn oldest(&self, limit: usize) -> Result<Vec<Waiting>, SqlError> {
        let sql = format!(
            "SELECT id, event_id, type, resource_id, customer_id, version, data, tm_create, traceparent \
             FROM {}_outbox ORDER BY id LIMIT ?",
            self.prefix
        );
        self.db
            .fetch_all(
                &sql,
                vec![Value::Int(i64::try_from(limit).unwrap_or(i64::MAX))],
            )
            .await
    }

    /// Removes confirmed events. The event id stands in the condition too: a row's number alone could
    /// mean another event after a restore.
    pub(super) async fn remove(&self, confirmed: &[Waiting]) -> Result<u64, SqlError> {
        if confirmed.is_empty() {
            return Ok(0);
        }
        let (marks, mut values) = list(confirmed.iter().map(|event| event.id));
        let (_, event_ids) = list(confirmed.iter().map(|event| event.event_id));
        let sql = format!(
            "DELETE FROM {}_outbox WHERE id IN ({marks}) AND event_id IN ({marks})",
            self.prefix
        );
        values.extend(event_ids);
        self.db.execute(&sql, values).await
    }

    /// Sets an event aside that can never be published, so that those behind it can go on.
    pub(super) async fn park(&self, event: &Waiting, reason: &str) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let parked = format!(
            "REPLACE INTO {}_parked (event_id, type, resource_id, reason, data, tm_create) VALUES (?, ?, ?, ?, ?, ?)",
            self.prefix
        );
        let values = vec![
            event.event_id.into(),
            event.kind.as_str().into(),
            event.resource_id.into(),
            reason.into(),
            event.data.as_str().into(),
            Value::Int(event.tm_create),
        ];
        tx.execute(&parked, values).await?;
        let sql = format!("DELETE FROM {}_outbox WHERE id = ?", self.prefix);
        tx.execute(&sql, vec![Value::Int(event.id)]).await?;
        Ok(tx.commit().await?)
    }

    /// How many events wait, and since when (µs) the oldest does.
    pub(super) async fn depth(&self) -> Result<(i64, Option<i64>), SqlError> {
        let sql = format!(
            "SELECT COUNT(*) AS rows_waiting, MIN(tm_create) AS oldest FROM {}_outbox",
            self.prefix
        );
        let depth: Option<Depth> = self.db.fetch_optional(&sql, vec![]).await?;
        Ok(depth.map_or((0, None), |depth| (depth.rows_waiting, depth.oldest)))
    }
}

#[cfg(test)]
impl Outbox {
    /// The ids of the events that were set aside.
    pub(super) async fn parked(&self) -> Vec<String> {
        #[derive(bin_common_handler::FromRow)]
        struct Parked {
            event_id: Uuid,
        }
        let sql = format!("SELECT event_id FROM {}_parked", self.prefix);
        let parked: Vec<Parked> = self.db.fetch_all(&sql, vec![]).await.unwrap();
        parked.iter().map(|row| row.event_id.to_string()).collect()
    }
}
