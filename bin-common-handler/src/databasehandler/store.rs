//! A manager's way to change things: entity, event and operation row in one transaction.

use std::{sync::Arc, time::Duration};

use rand::RngExt;
use serde::Serialize;
use sqlx::Error as SqlError;
use tracing::warn;
use uuid::Uuid;

use super::{
    Db, Entity, Tx, Value, entity,
    error::{is_away, is_conflict},
};
use crate::{
    cachehandler::Cache,
    call::Call,
    clock::Clock,
    failpoint,
    inbox::{Inbox, is_duplicate},
    models::{
        error::{Error, Result},
        sock::Response,
        time::Timestamp,
    },
    notifyhandler::{Bell, outbox},
};

/// How often a change is tried before its conflict is reported.
const ATTEMPTS_MAX: u32 = 5;
/// The longest pause before trying again; the pause is drawn between zero and a growing part of this.
const BACKOFF_MAX: Duration = Duration::from_millis(160);
/// Rows written by one INSERT.
const ROWS_PER_INSERT: usize = 100;
/// How long an unanswered COMMIT is inquired about.
const SETTLE_ATTEMPTS: u32 = 10;
const SETTLE_PAUSE: Duration = Duration::from_millis(300);

/// Everything a manager needs to read and change its own tables. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    /// For reads.
    pub db: Db,
    /// The time of day.
    pub clock: Clock,
    /// Read-through copies of entities.
    pub cache: Cache,
    /// Operations done before.
    pub inbox: Inbox,
    bell: Arc<Bell>,
    prefix: &'static str,
}

/// A change in the making.
pub struct ChangeTx {
    tx: Tx,
    clock: Clock,
    prefix: &'static str,
    marks: Vec<(String, Timestamp)>,
    announced: bool,
}

impl Store {
    /// The store of the manager whose tables start with `prefix`; `bell` wakes its relay.
    pub fn new(db: Db, clock: Clock, cache: Cache, bell: Arc<Bell>, prefix: &'static str) -> Self {
        let inbox = Inbox::new(db.clone(), prefix);
        Self {
            db,
            clock,
            cache,
            inbox,
            bell,
            prefix,
        }
    }

    /// What this manager's tables start with.
    pub fn prefix(&self) -> &'static str {
        self.prefix
    }

    /// Runs `work` in a transaction and commits it together with the call's operation row.
    ///
    /// `work` may run several times (deadlocks, lost connections), so it must change nothing but `tx`.
    /// What it returns is the reply that a repeated request will get.
    ///
    /// # Errors
    /// What `work` says, after a rollback; [`Error::replay`] when the operation was done before;
    /// 503 when the database is away.
    pub async fn change<T, F>(&self, call: &Call, work: F) -> Result<T>
    where
        T: Serialize,
        F: AsyncFn(&mut ChangeTx) -> Result<T>,
    {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.attempt(call, &work).await {
                Ok(value) => return Ok(value),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Again(error)) if attempt >= ATTEMPTS_MAX => return Err(error),
                Err(Failure::Again(_)) => tokio::time::sleep(backoff(attempt)).await,
            }
        }
    }

    async fn attempt<T, F>(&self, call: &Call, work: &F) -> Result<T, Failure>
    where
        T: Serialize,
        F: AsyncFn(&mut ChangeTx) -> Result<T>,
    {
        let tx = self.db.begin().await.map_err(|error| self.failure(error))?;
        let mut change = ChangeTx {
            tx,
            clock: self.clock.clone(),
            prefix: self.prefix,
            marks: Vec::new(),
            announced: false,
        };
        let value = match work(&mut change).await {
            Ok(value) => value,
            Err(error) => {
                change.tx.rollback().await;
                return Err(self.classify(error));
            }
        };
        if let Some(operation) = &call.operation {
            let recorded = self
                .inbox
                .record(&mut change.tx, operation, &Response::ok(&value))
                .await;
            match recorded {
                Ok(()) => {}
                Err(error) if is_duplicate(&error) => {
                    change.tx.rollback().await;
                    return Err(Failure::Final(self.replay(call).await));
                }
                Err(error) => {
                    change.tx.rollback().await;
                    return Err(self.failure(error));
                }
            }
        }
        self.cache.mark(&change.marks).await;
        failpoint::reach("before_commit");
        if let Err(error) = change.tx.commit().await {
            return self.settle(call, error).await.map(|()| value);
        }
        failpoint::reach("after_commit");
        if change.announced {
            self.bell.ring();
        }
        Ok(value)
    }

    /// COMMIT went unanswered: finds out whether it happened.
    async fn settle(&self, call: &Call, error: SqlError) -> Result<(), Failure> {
        let Some(operation) = call.operation.as_ref().filter(|_| is_away(&error)) else {
            return Err(self.failure(error));
        };
        self.db.forget_idle();
        warn!(%error, "commit went unanswered, inquiring");
        for _ in 0..SETTLE_ATTEMPTS {
            match self.inbox.has_happened(operation).await {
                Ok(true) => {
                    self.bell.ring();
                    return Ok(());
                }
                Ok(false) => return Err(Failure::Again(error.into())),
                Err(_) => tokio::time::sleep(SETTLE_PAUSE).await,
            }
        }
        Err(Failure::Final(error.into()))
    }

    async fn replay(&self, call: &Call) -> Error {
        let Some(operation) = &call.operation else {
            return Error::internal("a replay without an operation");
        };
        match self.inbox.find(operation).await {
            Ok(Some(reply)) => Error::replay(reply),
            Ok(None) => Error::unavailable("database", "the recorded operation is gone"),
            Err(error) => error,
        }
    }

    fn classify(&self, error: Error) -> Failure {
        match error.sql_cause() {
            Some(cause) if is_conflict(cause) => Failure::Again(error),
            Some(cause) if is_away(cause) => {
                self.db.forget_idle();
                Failure::Again(error)
            }
            _ => Failure::Final(error),
        }
    }

    fn failure(&self, error: SqlError) -> Failure {
        // A pool that stayed full for its whole wait is not asked again: the backlog belongs in the broker.
        if matches!(error, SqlError::PoolTimedOut) {
            return Failure::Final(error.into());
        }
        self.classify(error.into())
    }
}

enum Failure {
    Final(Error),
    Again(Error),
}

fn backoff(attempt: u32) -> Duration {
    let ceiling = BACKOFF_MAX.mul_f64(f64::from(attempt) / f64::from(ATTEMPTS_MAX));
    ceiling.mul_f64(rand::rng().random::<f64>())
}

impl ChangeTx {
    /// The raw transaction, for SQL that the words here do not say.
    pub fn sql(&mut self) -> &mut Tx {
        &mut self.tx
    }

    /// The version of a row that is changed now: never before the one it had.
    pub fn next_version(&self, previous: Timestamp) -> Timestamp {
        self.clock.now().after(previous)
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
    pub async fn announce<E: Entity>(
        &mut self,
        kind: &str,
        row: &E,
        customer_id: Uuid,
    ) -> Result<()> {
        self.announce_all(kind, std::slice::from_ref(row), customer_id)
            .await
    }

    /// As [`Self::announce`], one event for each row.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn announce_all<E: Entity>(
        &mut self,
        kind: &str,
        rows: &[E],
        customer_id: Uuid,
    ) -> Result<()> {
        for rows in rows.chunks(ROWS_PER_INSERT) {
            let mut values = Vec::with_capacity(rows.len() * outbox::COLUMNS.len());
            for row in rows {
                let data = serde_json::to_string(row).map_err(Error::internal)?;
                values.extend::<[Value; outbox::COLUMNS.len()]>([
                    crate::ids::next().into(),
                    kind.into(),
                    row.id().into(),
                    customer_id.into(),
                    Value::Int(row.version().micros()),
                    data.into(),
                    Value::Int(self.clock.now().micros()),
                ]);
            }
            self.tx
                .execute(&outbox::insert(self.prefix, rows.len()), values)
                .await?;
        }
        self.announced = true;
        Ok(())
    }
}

impl Store {
    /// Reads a row as it is committed.
    ///
    /// # Errors
    /// 503 when the database is away.
    pub async fn get<E: Entity>(&self, id: Uuid) -> Result<Option<E>> {
        Ok(self
            .db
            .fetch_optional(
                &format!("{} WHERE id = ?", entity::select::<E>()),
                vec![id.into()],
            )
            .await?)
    }

    /// Reads a row through the cache.
    ///
    /// # Errors
    /// 503 when it is not in the cache and the database is away.
    pub async fn get_cached<E: Entity + serde::de::DeserializeOwned>(
        &self,
        id: Uuid,
    ) -> Result<Option<E>> {
        self.cache
            .read_through(&Self::cache_key::<E>(id), Entity::version, async || {
                self.get::<E>(id).await
            })
            .await
    }

    fn cache_key<E: Entity>(id: Uuid) -> String {
        format!("tandem:{}:{id}", E::TABLE)
    }
}
