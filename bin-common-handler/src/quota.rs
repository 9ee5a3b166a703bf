//! How many live rows of a kind one owner may have: a customer, or a list.
//!
//! Rows are counted in the transaction that adds some, but not each time: a count is believed for a minute, and what
//! was added since is added to it. Before a refusal it is at least as new as a second, so deleted rows make room. Several
//! replicas count by themselves: together they may go beyond the limit by what each adds within a minute.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    config::Config,
    databasehandler::ChangeTx,
    models::error::{Error, Result},
};

/// How long a count is believed.
const BELIEVED: Duration = Duration::from_secs(60);
/// How new a count must be to refuse by it.
const REFUSED_BY: Duration = Duration::from_secs(1);
/// Owners that are remembered.
const OWNERS_MAX: usize = 10_000;

/// What is limited.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The setting that holds the most rows; 0 = no limit.
    pub setting: &'static str,
    /// The table; it has `tm_delete`.
    pub table: &'static str,
    /// Its column of owners, which an index begins with.
    pub owner: &'static str,
    /// The plural for people, e.g. `dids`.
    pub what: &'static str,
}

#[derive(Clone, Copy)]
struct Count {
    rows: u64,
    at: Instant,
}

/// The limit of one kind of rows. Clones share the counts.
#[derive(Clone)]
pub struct Quota {
    limit: Limit,
    rows_max: u64,
    counts: Arc<Mutex<HashMap<Uuid, Count>>>,
}

impl std::fmt::Debug for Quota {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Quota({} {})", self.rows_max, self.limit.what)
    }
}

#[derive(sqlx::FromRow)]
struct Counted {
    n: i64,
}

impl Quota {
    /// As the settings have it.
    pub fn new(limit: Limit, config: &Config) -> Self {
        Self::of(limit, config.number(limit.setting))
    }

    fn of(limit: Limit, rows_max: u64) -> Self {
        Self {
            limit,
            rows_max,
            counts: Arc::default(),
        }
    }

    /// Lets `owner` have `more` rows, which this transaction adds.
    ///
    /// # Errors
    /// 409 `TOO_MANY_…` naming the setting; 503 when the database is away.
    pub async fn admit(&self, tx: &mut ChangeTx<'_>, owner: Uuid, more: usize) -> Result<()> {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        if self.rows_max == 0 || more == 0 || self.reserve(owner, more, BELIEVED) {
            return Ok(());
        }
        if self.known(owner, REFUSED_BY).is_none() {
            let rows = self.count(tx, owner).await?;
            self.note(owner, rows);
        }
        if self.reserve(owner, more, BELIEVED) {
            return Ok(());
        }
        let Limit { setting, what, .. } = self.limit;
        Err(Error::failed_precondition(
            format!("TOO_MANY_{}", what.to_ascii_uppercase().replace(' ', "_")),
            format!(
                "There may be {} {what} at most; delete some, or have {setting} raised.",
                self.rows_max
            ),
        ))
    }

    async fn count(&self, tx: &mut ChangeTx<'_>, owner: Uuid) -> Result<u64> {
        let Limit {
            table,
            owner: column,
            ..
        } = self.limit;
        let enough = self.rows_max.saturating_add(1);
        let sql = format!(
            "SELECT COUNT(*) AS n FROM (SELECT 1 FROM {table} WHERE {column} = ? AND tm_delete IS NULL LIMIT {enough}) AS some"
        );
        let counted: Option<Counted> = tx.sql().fetch_optional(&sql, vec![owner.into()]).await?;
        Ok(counted.map_or(0, |counted| u64::try_from(counted.n).unwrap_or(0)))
    }

    /// Adds `more` to a count that is new enough, where there is room.
    fn reserve(&self, owner: Uuid, more: u64, age_max: Duration) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&owner) {
            Some(count) if count.at.elapsed() < age_max => {
                let rows = count.rows.saturating_add(more);
                let fits = rows <= self.rows_max;
                if fits {
                    count.rows = rows;
                }
                fits
            }
            _ => false,
        }
    }

    fn known(&self, owner: Uuid, age_max: Duration) -> Option<Count> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .get(&owner)
            .copied()
            .filter(|count| count.at.elapsed() < age_max)
    }

    fn note(&self, owner: Uuid, rows: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= OWNERS_MAX {
            counts.retain(|_, count| count.at.elapsed() < BELIEVED);
        }
        if counts.len() >= OWNERS_MAX {
            counts.clear();
        }
        let at = Instant::now();
        counts.insert(owner, Count { rows, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        setting: "THINGS_PER_CUSTOMER",
        table: "t_things",
        owner: "customer_id",
        what: "things",
    };

    #[tokio::test(start_paused = true)]
    async fn a_count_is_believed_for_a_minute_and_grows_by_what_is_added() {
        let (quota, owner) = (Quota::of(LIMIT, 10), Uuid::from_u128(1));
        assert!(!quota.reserve(owner, 1, BELIEVED), "not counted yet");
        quota.note(owner, 7);
        assert!(quota.reserve(owner, 3, BELIEVED));
        assert!(!quota.reserve(owner, 1, BELIEVED), "full");
        assert!(
            quota.known(owner, REFUSED_BY).is_some(),
            "new enough to refuse by"
        );
        tokio::time::advance(REFUSED_BY).await;
        assert!(
            quota.known(owner, REFUSED_BY).is_none(),
            "counted again first"
        );
        quota.note(owner, 9);
        assert!(quota.reserve(owner, 1, BELIEVED), "one was deleted");
        tokio::time::advance(BELIEVED).await;
        assert!(!quota.reserve(owner, 0, BELIEVED), "too old");
    }

    #[tokio::test(start_paused = true)]
    async fn owners_do_not_share_and_are_not_remembered_without_end() {
        let quota = Quota::of(LIMIT, 1);
        for owner in 0..3 * OWNERS_MAX {
            quota.note(Uuid::from_u128(owner as u128), 1);
        }
        assert!(quota.counts.lock().unwrap().len() <= OWNERS_MAX);
        let (full, empty) = (Uuid::from_u128(1), Uuid::from_u128(2));
        quota.note(full, 1);
        quota.note(empty, 0);
        assert!(!quota.reserve(full, 1, BELIEVED));
        assert!(quota.reserve(empty, 1, BELIEVED));
    }
}
