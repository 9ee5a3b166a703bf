//! Effects done once: a row per operation, written in the transaction of its change, with its reply.

use std::time::Duration;

use sqlx::Error as SqlError;

use crate::{
    context::Operation,
    databasehandler::{Db, Tx, Value, list},
    models::{
        error::{Error, Result},
        sock::Response,
    },
};

/// How long a key that the caller gave is remembered.
const GIVEN_TTL: Duration = Duration::from_secs(24 * 3600);
/// How long a derived key is remembered: longer than any broker redelivers.
const DERIVED_TTL: Duration = Duration::from_secs(600);
/// Rows that one owner may have; the oldest beyond it go with the next sweep.
const OWNER_ROWS_MAX: i64 = 1_000_000;
const SWEEP_BATCH: i64 = 1_000;

/// The inbox table of one manager.
#[derive(Debug, Clone)]
pub struct Inbox {
    db: Db,
    table: String,
}

#[derive(bin_common_handler::FromRow)]
struct Recorded {
    fingerprint: Vec<u8>,
    status_code: i32,
    data_type: String,
    reply: Option<String>,
}

#[derive(bin_common_handler::FromRow)]
struct Key {
    op_key: Vec<u8>,
}

#[derive(bin_common_handler::FromRow)]
struct Owner {
    owner: Vec<u8>,
    surplus: i64,
}

impl Inbox {
    /// The inbox of the manager whose tables start with `prefix`.
    pub fn new(db: Db, prefix: &str) -> Self {
        Self {
            db,
            table: format!("{prefix}_inbox"),
        }
    }

    /// The reply that this operation had, if it was done before.
    ///
    /// # Errors
    /// 409 `IDEMPOTENCY_KEY_REUSED` when the key was used for another request.
    pub async fn find(&self, operation: &Operation) -> Result<Option<Response>> {
        let sql = format!(
            "SELECT fingerprint, status_code, data_type, reply FROM {} WHERE op_key = ?",
            self.table
        );
        let row: Option<Recorded> = self
            .db
            .fetch_optional(&sql, vec![operation.key.to_vec().into()])
            .await?;
        row.map(|row| {
            if row.fingerprint != operation.fingerprint {
                return Err(Error::already_exists(
                    "IDEMPOTENCY_KEY_REUSED",
                    "This key was used for another request; use a new one.",
                ));
            }
            let data = row
                .reply
                .and_then(|text| serde_json::value::RawValue::from_string(text).ok());
            Ok(Response {
                status_code: u16::try_from(row.status_code).unwrap_or(500),
                data_type: row.data_type,
                data,
            })
        })
        .transpose()
    }

    /// Writes the operation and its reply into the change's own transaction; false when it was done before:
    /// the caller rolls back and asks [`Self::find`].
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn record(
        &self,
        tx: &mut Tx,
        operation: &Operation,
        reply: &Response,
    ) -> Result<bool, SqlError> {
        let ttl = micros(if operation.key_from_caller {
            GIVEN_TTL
        } else {
            DERIVED_TTL
        });
        let sql = format!(
            "INSERT INTO {} (fingerprint, owner, status_code, data_type, reply, tm_expire, op_key) \
             VALUES (?, ?, ?, ?, ?, {} + ?, ?)",
            self.table,
            tx.dialect().now_micros()
        );
        match tx.execute(&sql, row(operation, reply, ttl)).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) && !operation.check_inbox_first => {
                self.supersede(tx, operation, reply, ttl).await
            }
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// On a first delivery a derived key says "done before" only when the row is younger than the delivery:
    /// then the broker delivered the same message again meanwhile, and that one was faster. An older row is
    /// of another message that looked the same.
    async fn supersede(
        &self,
        tx: &mut Tx,
        operation: &Operation,
        reply: &Response,
        ttl: i64,
    ) -> Result<bool, SqlError> {
        let now = tx.dialect().now_micros();
        let sql = format!(
            "UPDATE {} SET fingerprint = ?, owner = ?, status_code = ?, data_type = ?, reply = ?, \
             tm_expire = {now} + ? WHERE op_key = ? AND tm_expire < {now} + ?",
            self.table
        );
        let mut values = row(operation, reply, ttl);
        // A row of the very tick in which this delivery came may be younger.
        let age = micros(operation.received.elapsed()).saturating_add(tx.dialect().tick_micros());
        values.push(Value::Int(ttl.saturating_sub(age)));
        Ok(tx.execute(&sql, values).await? > 0)
    }

    /// Stores a considered "no", so that a repeated request hears the same. When another delivery of the
    /// same operation was faster, its reply is the one that counts and is returned.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn record_refusal(&self, operation: &Operation, reply: Response) -> Result<Response> {
        let mut tx = self.db.begin().await?;
        if self.record(&mut tx, operation, &reply).await? {
            tx.commit().await?;
            return Ok(reply);
        }
        tx.rollback().await;
        Ok(self.find(operation).await?.unwrap_or(reply))
    }

    /// Whether an operation whose COMMIT went unanswered has happened: a tombstone under its key either
    /// meets the committed row, or proves that it will never be. The tombstone itself is rolled back.
    ///
    /// # Errors
    /// Whatever the database says; then it is still not known.
    pub async fn has_happened(&self, operation: &Operation) -> Result<bool, SqlError> {
        let mut tx = self.db.begin().await?;
        let tombstone = Operation {
            check_inbox_first: true,
            ..operation.clone()
        };
        let written = self.record(&mut tx, &tombstone, &Response::ok(&())).await;
        tx.rollback().await;
        written.map(|written| !written)
    }

    /// Removes what has expired and what one owner has beyond its share; the number of rows removed.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn sweep(&self) -> Result<u64, SqlError> {
        let now = self.db.dialect().now_micros();
        let expired = format!(
            "SELECT op_key FROM {} WHERE tm_expire < {now} ORDER BY tm_expire LIMIT ?",
            self.table
        );
        let mut removed = self.remove_all(&expired, vec![]).await?;
        let greedy = format!(
            "SELECT owner, COUNT(*) - {OWNER_ROWS_MAX} AS surplus FROM {} GROUP BY owner HAVING COUNT(*) > {OWNER_ROWS_MAX}",
            self.table
        );
        for owner in self.db.fetch_all::<Owner>(&greedy, vec![]).await? {
            let oldest = format!(
                "SELECT op_key FROM {} WHERE owner = ? ORDER BY tm_expire LIMIT ?",
                self.table
            );
            let surplus = owner.surplus.min(SWEEP_BATCH);
            removed += self
                .remove(&oldest, vec![owner.owner.into(), Value::Int(surplus)])
                .await?;
        }
        Ok(removed)
    }

    async fn remove_all(&self, select: &str, values: Vec<Value>) -> Result<u64, SqlError> {
        let mut removed = 0;
        loop {
            let mut values = values.clone();
            values.push(Value::Int(SWEEP_BATCH));
            match self.remove(select, values).await? {
                0 => return Ok(removed),
                rows => removed += rows,
            }
        }
    }

    async fn remove(&self, select: &str, values: Vec<Value>) -> Result<u64, SqlError> {
        let keys: Vec<Key> = self.db.fetch_all(select, values).await?;
        if keys.is_empty() {
            return Ok(0);
        }
        let (marks, values) = list(keys.into_iter().map(|key| key.op_key));
        let sql = format!("DELETE FROM {} WHERE op_key IN ({marks})", self.table);
        self.db.execute(&sql, values).await
    }
}

fn row(operation: &Operation, reply: &Response, ttl: i64) -> Vec<Value> {
    vec![
        operation.fingerprint.to_vec().into(),
        operation.owner.to_vec().into(),
        Value::Int(reply.status_code.into()),
        reply.data_type.as_str().into(),
        reply.data.as_ref().map(|data| data.get().to_owned()).into(),
        Value::Int(ttl),
        operation.key.to_vec().into(),
    ]
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// The row is there already.
fn is_duplicate(error: &SqlError) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
