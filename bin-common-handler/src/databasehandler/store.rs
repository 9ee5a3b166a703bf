//! What a manager reads and changes its own tables with.

mod change;

use std::sync::Arc;

use uuid::Uuid;

use super::{Db, Entity, entity};
use crate::{
    cachehandler::Cache, clock::Clock, inbox::Inbox, models::error::Result, notifyhandler::Waker,
    timerhandler::Alarms,
};
pub use change::{ChangeTx, EventPayload};

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
    waker: Arc<Waker>,
    alarms: Alarms,
    prefix: &'static str,
    publisher: &'static str,
}

impl Store {
    /// The store of `publisher`, whose tables start with `prefix`; `waker` wakes its relay.
    pub fn new(
        db: Db,
        clock: Clock,
        cache: Cache,
        waker: Arc<Waker>,
        prefix: &'static str,
        publisher: &'static str,
    ) -> Self {
        let inbox = Inbox::new(db.clone(), prefix);
        Self {
            db,
            clock,
            cache,
            inbox,
            waker,
            alarms: Alarms::default(),
            prefix,
            publisher,
        }
    }

    /// What this manager's tables start with.
    pub fn prefix(&self) -> &'static str {
        self.prefix
    }

    /// Wakes the relay.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Wakes this process's timers.
    pub(crate) fn alarms(&self) -> &Alarms {
        &self.alarms
    }

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
